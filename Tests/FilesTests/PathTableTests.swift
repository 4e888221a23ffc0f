import Compute
import Files
import Testing

@Suite struct PathTableTests {
  @Test func holdsWhatWasAppended() throws {
    let table = PathTable()
    let paths = (0..<1000).map { FilePath(bytes: [UInt8](repeating: UInt8(1 + $0 % 255), count: $0 % 7)) }
    for path in paths { try table.append(path) }
    #expect(table.count == 1000 && (0..<1000).allSatisfy { table[$0] == paths[$0] })
    #expect(FilePath(cString: table.cString(at: 5)) == paths[5])
  }

  @Test func memoryThatIsNotThereIsAnError() {
    #expect(throws: OutOfMemory.self) { try OutOfMemory.check(bytes: .max) }
    #expect(throws: OutOfMemory.self) { try OutOfMemory.check(bytes: 1 << 50) }
    #expect(throws: Never.self) { try OutOfMemory.check(bytes: 1 << 20) }
  }
}
