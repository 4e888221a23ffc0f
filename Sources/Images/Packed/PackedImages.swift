import CDeflate
import Compute
import Files

/// Image files in one file, as `latentmim pack` writes it: a safetensors file, see `PackedTables`.
///
/// What is true of a data set of the same files in folders is true of this one: the same images, names, labels and
/// fingerprint. Each file's CRC-32 is checked when it is read.
public final class PackedImages: ImageFiles, @unchecked Sendable {
  /// - Parameters:
  ///   - path: of the packed file.
  ///   - conversion: to the channels wanted.
  ///   - onError: about images that turn out damaged when they are loaded; of the packed file's tables all is checked
  ///     here.
  /// - Throws: `FileError`, `SafetensorsError`, `PackedError`, `DatasetError.labels`, `OutOfMemory`.
  public init(
    path: some FilePathConvertible, conversion: PixelConversion = .rgb, onError: OnError = .fail
  ) throws {
    let store = try PackedStore(path.filePath)
    try super.init(store, store.tables.labels, store.tables.classes, conversion, onError)
  }
}

/// Files inside of a packed one: read, not mapped, because a mapped file that somebody shortens kills the process.
private struct PackedStore: FileStore {
  let tables: PackedTables
  /// Bytes of the packed file's path, which all names begin with.
  private let root: Int
  private let file: SafetensorsFile

  init(_ path: FilePath) throws {
    file = try SafetensorsFile(path: path)
    root = path.bytes.count
    tables = try PackedTables(file, path: path.text, prefix: path.appending(FilePath("")))
  }

  var count: Int { tables.checksums.count }
  func path(at index: Int) -> FilePath { tables.names[index] }
  func cPath(at index: Int) -> UnsafePointer<CChar> { tables.names.cString(at: index) }

  func contents(at index: Int) throws -> [UInt8] {
    let size = tables.offsets[index + 1] - tables.offsets[index]
    guard size <= Self.largest else { throw PackedError.tooLarge(bytes: size, most: Self.largest) }
    let bytes = try file.bytes("files", from: tables.offsets[index], count: size)
    let found = bytes.withUnsafeBytes { crc32($0) }
    guard found == tables.checksums[index] else {
      throw PackedError.checksum(found: found, wanted: tables.checksums[index])
    }
    return bytes
  }

  private static let largest = 1 << 30

  func fingerprint(of indices: some RandomAccessCollection<Int>) -> DataFingerprint {
    DataFingerprint(
      ofFiles: indices, name: { UnsafeRawBufferPointer(rebasing: tables.names.bytes(at: $0).dropFirst(root)) }
    ) {
      index, most in
      let (start, size) = (tables.offsets[index], tables.offsets[index + 1] - tables.offsets[index])
      let count = min(size, most)
      return (size, (try? file.bytes("files", from: start + (size - count) / 2, count: count)) ?? [])
    }
  }
}

/// The CRC-32 of zip and PNG, as `zlib.crc32` has it: it finds damage, not intent.
func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  bytes.baseAddress.map { libdeflate_crc32(0, $0, bytes.count) } ?? 0
}
