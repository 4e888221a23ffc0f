import Glibc

/// How much memory this process may use, and what sets that limit.
public struct MemoryLimit: Sendable, Equatable {
  public let bytes: Int
  /// What sets the limit, for error messages.
  public let name: String

  /// The tightest of the machine's memory, this process's control groups (such as a container's) and its address space
  /// limit (`ulimit -v`).
  public static func current() -> MemoryLimit {
    guard let addressSpace, addressSpace.bytes < memory.bytes else { return memory }
    return addressSpace
  }

  /// The same without the address space limit.
  static let memory = controlGroups.reduce(machine) { $1.bytes < $0.bytes ? $1 : $0 }

  private static let machine = MemoryLimit(
    bytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)), name: "the machine has")

  private static var addressSpace: MemoryLimit? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, let bytes = Int(exactly: limit.rlim_cur)
    else {
      return nil
    }
    return MemoryLimit(bytes: bytes, name: "the limit of address space (ulimit -v) is")
  }

  private static let controlGroups = limits(groups: text("/proc/self/cgroup")) { text("/sys/fs/cgroup" + $0) }

  /// - Parameters:
  ///   - groups: /proc/self/cgroup: lines "number:controllers:path", without controllers for version 2.
  ///   - read: the content of a file below /sys/fs/cgroup; nil where there is none.
  static func limits(groups: String?, read: (String) -> String?) -> [MemoryLimit] {
    (groups ?? "").split(separator: "\n").flatMap { line -> [MemoryLimit] in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { return [] }
      let isSecond = fields[0] == "0" && fields[1].isEmpty
      guard isSecond || fields[1].split(separator: ",").contains("memory") else { return [] }
      let file = isSecond ? "/memory.max" : "/memory.limit_in_bytes"
      // Limits of all parent groups apply too. In a container the path may be the host's, while the root is the
      // container's own group.
      var parts = fields[2].split(separator: "/")
      var found: [MemoryLimit] = []
      while true {
        let path = (isSecond ? "" : "/memory") + parts.map { "/" + $0 }.joined() + file
        if let text = read(path), let bytes = Int(text.prefix { $0.isNumber }), bytes > 0 {
          found.append(MemoryLimit(bytes: bytes, name: "the limit of this container (cgroup) is"))
        }
        guard parts.popLast() != nil else { return found }
      }
    }
  }

  /// The content of a short text file, such as those of /proc and /sys.
  private static func text(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 14)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  /// Bytes that this process may still use: the limit minus what it holds, except buffers cached for reuse.
  public func left() -> Int {
    let isAddressSpace = self == Self.addressSpace
    let sizes = Self.text("/proc/self/statm")?.split(separator: " ").map { Int($0) ?? 0 } ?? []
    let held = sizes.count > 1 ? sizes[isAddressSpace ? 0 : 1] * sysconf(Int32(_SC_PAGESIZE)) : 0
    let reusable = isAddressSpace ? Arena.shared.reservedBytes : Arena.shared.statistics.bytesKept
    return bytes - max(held - reusable, 0)
  }
}
