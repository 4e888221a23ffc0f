import Compute
import Files

/// Files below a folder that are no images of the data set, and why.
final class LeftOutFiles: @unchecked Sendable {
  enum Reason: UInt8 {
    /// The name's ending is of no format that is read.
    case ending
    /// An image beside the class folders.
    case besideClasses
    /// A link to a folder whose files are counted already.
    case linked

    var text: String {
      switch self {
      case .ending: "its ending is of no format that is read: \(ImageCodec.namesAndEndings)"
      case .besideClasses: "it lies beside the class folders"
      case .linked: "the folder that it leads to is counted under another name"
      }
    }
  }

  let paths = PathTable()
  private let reasons = GrowingBlock<UInt8>()

  var count: Int { paths.count }

  func append(_ path: FilePath, _ reason: Reason) throws {
    try paths.append(path)
    try reasons.append(reason.rawValue)
  }

  /// The reason at `index` (0 ..< count).
  func reason(_ index: Int) -> Reason { Reason(rawValue: reasons.start[index]) ?? .ending }

  /// How many are left out for `reason`.
  func count(_ reason: Reason) -> Int { (0..<count).count { self.reason($0) == reason } }

  /// The numbers of files by ending, the most frequent first: "20 .png, 3 without an ending".
  var endings: String {
    var counts: [String: Int] = [:]
    for index in 0..<count where reason(index) == .ending {
      counts[Images.ending(of: lastName(paths.bytes(at: index))), default: 0] += 1
    }
    let named = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let shown = named.prefix(10).map { "\($0.value) \($0.key.isEmpty ? "without an ending" : "." + $0.key)" }
    return shown.joined(separator: ", ") + (named.count > 10 ? " and others" : "")
  }
}

/// What stands behind a path's last slash.
func lastName(_ path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
  let start = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
  return UnsafeRawBufferPointer(rebasing: path[start...])
}
