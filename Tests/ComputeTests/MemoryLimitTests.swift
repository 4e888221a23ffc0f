import Testing

@testable import Compute

@Suite struct MemoryLimitTests {
  @Test func bothVersionsOfControlGroups() {
    let files = [
      "/memory/docker/ab/memory.limit_in_bytes": "2147483648\n",
      "/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/pod/memory.max": "max\n", "/memory.max": "1073741824\n",
    ]
    let first = MemoryLimit.limits(groups: "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n") { files[$0] }
    #expect(first.map(\.bytes) == [2_147_483_648, 9_223_372_036_854_771_712])
    #expect(MemoryLimit.limits(groups: "0::/pod\n") { files[$0] }.map(\.bytes) == [1_073_741_824])
  }

  @Test(arguments: ["", "0", "0::", "memory", "4:memory:/a\n:::\n", "0::/a:b"])
  func oddFilesSayNothing(_ groups: String) {
    #expect(MemoryLimit.limits(groups: groups) { _ in "many" }.isEmpty)
    #expect(MemoryLimit.limits(groups: nil) { _ in "1" }.isEmpty)
  }

  @Test func thisMachineHasSome() {
    let limit = MemoryLimit.current()
    #expect(limit.bytes > 1 << 20 && limit.left() <= limit.bytes)
  }
}
