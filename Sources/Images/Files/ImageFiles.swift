import Compute
import Files

/// Image files as a data set: by a list of paths here, below a folder in `ImageFolder`, in one file in `PackedImages`.
///
/// All are brought to one number of channels. The first time that a file is read it is decoded as a whole, so that
/// damage shows wherever it is; later, only the part that is needed.
public class ImageFiles: ImageDataset, @unchecked Sendable {
  /// What to do about a file that cannot be read.
  public enum OnError: String, Sendable {
    /// Throw an error that names it.
    case fail
    /// Take the next readable one in cyclic order in its place, as if its index had been drawn, and note it in
    /// `skipped`.
    case skip
  }

  public let labels: [Int]?
  public let classNames: [String]
  /// The names of the classes, byte for byte; `classNames` has them as text.
  public let exactClassNames: [FilePath]
  public let conversion: PixelConversion
  let store: any FileStore
  private let onError: OnError
  private let unreadable = ForkSafe<[Int: String]>([:])
  private let seen: SeenFiles

  /// Files by their paths; nothing is opened before it is needed.
  ///
  /// - Parameters:
  ///   - paths: at least one.
  ///   - labels: one class index a file, not negative; nil where nothing is known.
  ///   - classNames: empty, or a name for every label, byte for byte.
  ///   - conversion: to the channels wanted.
  ///   - onError: about files that turn out unreadable when they are loaded.
  /// - Throws: `DatasetError.labels`, `DatasetError.noFiles`, `OutOfMemory`.
  public convenience init(
    paths: [FilePath], labels: [Int]? = nil, classNames: [FilePath] = [], conversion: PixelConversion = .rgb,
    onError: OnError = .fail
  ) throws {
    let table = PathTable()
    for path in paths { try table.append(path) }
    if let labels { try checkLabels(labels, images: paths.count, classNames.map(\.text)) }
    try self.init(PathStore(paths: table, root: commonFolder(paths)), labels, classNames, conversion, onError)
  }

  init(
    _ store: any FileStore, _ labels: [Int]?, _ classNames: [FilePath], _ conversion: PixelConversion,
    _ onError: OnError
  ) throws {
    guard store.count > 0 else { throw DatasetError.noFiles }
    seen = try SeenFiles(store.count)
    (self.store, self.labels, exactClassNames) = (store, labels, classNames)
    self.classNames = classNames.map(\.text)
    (self.conversion, self.onError) = (conversion, onError)
  }

  public var count: Int { store.count }
  public var channels: Int { conversion.channels }

  public var fingerprint: DataFingerprint { store.fingerprint(of: 0..<count) }

  /// Path of the file at `index`; nil where no image has this index.
  public func path(at index: Int) -> FilePath? { 0..<count ~= index ? store.path(at: index) : nil }

  /// The same in place, zero at the end, for as long as this object lives.
  public func cPath(at index: Int) -> UnsafePointer<CChar>? { 0..<count ~= index ? store.cPath(at: index) : nil }

  /// Whether the image at `index` has turned out unreadable, and why.
  public func skipReason(at index: Int) -> String? { unreadable.withLock { $0[index] } }

  /// The indices of the files that turned out unreadable so far.
  public var skipped: [Int] { unreadable.withLock { $0.keys.sorted() } }

  /// The image in the file at `index`, whatever is done about errors.
  ///
  /// - Throws: `DatasetError.unreadable` with the file's path, `DatasetError.index`.
  public func source(at index: Int) throws -> ImageSource {
    guard 0..<count ~= index else { throw DatasetError.index(index, count: count) }
    let path = store.path(at: index)
    let image = try EncodedImage(naming(path) { try store.contents(at: index) }, conversion, path: path)
    if seen.contains(index) { return .encoded(image) }
    let decoded = try image.decodedAsAWhole()
    seen.insert(index)
    return .encoded(decoded)
  }

  public func unlessSkipped<Result>(at index: Int, _ use: (ImageSource) throws -> Result) throws -> Result? {
    if skipReason(at: index) != nil { return nil }
    do {
      return try use(source(at: index))
    } catch let error as DatasetError {
      guard case .unreadable(_, let problem, let kind, _) = error, kind != .memory else { throw error }
      guard onError == .skip else { throw count > 1 ? DatasetError.unskipped(error) : error }
      unreadable.withLock { $0[index] = problem }
      return nil
    }
  }
}

/// Bytes of the deepest folder that all paths lie in, without its slash: the same list elsewhere is the same data.
private func commonFolder(_ paths: [FilePath]) -> Int {
  guard var common = paths.first?.bytes[...] else { return 0 }
  for path in paths {
    let same = zip(common, path.bytes).prefix { $0 == $1 }.count
    common = common.prefix(same)
  }
  // A path is no folder of its own.
  return common.lastIndex(of: UInt8(ascii: "/")) ?? 0
}

/// Which files have been decoded as a whole and found whole: a byte for each.
private final class SeenFiles: Sendable {
  private let flags: ForkSafe<UnsafeMutableBufferPointer<Bool>>

  init(_ count: Int) throws {
    try OutOfMemory.check(bytes: count)
    let memory = UnsafeMutableBufferPointer<Bool>.allocate(capacity: count)
    memory.initialize(repeating: false)
    flags = ForkSafe(memory)
  }

  deinit { flags.withLock { $0.deallocate() } }

  func contains(_ index: Int) -> Bool { flags.withLock { $0[index] } }
  func insert(_ index: Int) { flags.withLock { $0[index] = true } }
}
