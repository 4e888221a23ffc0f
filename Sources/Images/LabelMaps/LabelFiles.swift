import CImageCodecs
import Compute
import Files
import Glibc

/// The labels in a file, as they are stored: indices of a palette (whatever its colours), grey levels, integers of an
/// NPY file. Nothing is scaled or turned.
///
/// - Parameter file: the whole file; its format is told from the content.
/// - Throws: `ImageFileError` (colours, floats and formats that change numbers hold no labels), `OutOfMemory`.
public func decodeLabels(_ file: [UInt8]) throws -> LabelMap {
  guard !file.isEmpty else { throw ImageFileError.empty }
  guard let codec = ImageCodec.of(file) else { throw ImageFileError.unknownFormat(looksLike: kindOfFile(file)) }
  guard let labels = codec.labels else {
    throw ImageFileError.noLabels(format: codec.name, "the format keeps no numbers as they are")
  }
  return try labels(file)
}

/// Reads the labels in a file; see `decodeLabels`.
///
/// - Throws: `DatasetError.unreadable` with the path and what is wrong.
public func loadLabels(_ path: some FilePathConvertible) throws -> LabelMap {
  try naming(path.filePath) { try decodeLabels(ReadableFile(path: path.filePath).contents()) }
}

/// A PNG file of 8 bits with a palette of 256 colours (PASCAL VOC's), whatever labels occur.
///
/// - Throws: `ArgumentError` for a label outside 0 … 255, `ImageError.memory`.
public func encodeLabels(_ map: LabelMap) throws -> [UInt8] {
  try OutOfMemory.check(bytes: 2 * map.labels.count)
  if let place = map.labels.firstIndex(where: { !(0...255 ~= $0) }) {
    throw ArgumentError(
      "labels: row \(place / map.width), column \(place % map.width) is \(map.labels[place]), wanted 0 … 255: "
        + "a PNG file's palette has no more, an NPY file holds any")
  }
  let indices = map.labels.map { UInt8($0) }
  var (file, size): (UnsafeMutablePointer<UInt8>?, Int) = (nil, 0)
  try throwing("PNG") {
    lmc_png_encode_labels(indices, UInt32(map.height), UInt32(map.width), &file, &size, $0)
  }
  defer { free(file) }
  return Array(UnsafeBufferPointer(start: file, count: size))
}

/// Writes a label map as `encodeLabels` makes it, whole or not at all.
///
/// - Throws: `ArgumentError` where the path does not end in .png or a label is outside 0 … 255; `FileError`.
public func saveLabels(_ map: LabelMap, to path: some FilePathConvertible) throws {
  let ending = path.filePath.bytes.suffix(4).map { 0x41...0x5A ~= $0 ? $0 + 0x20 : $0 }
  guard ending.elementsEqual(".png".utf8) else {
    throw ArgumentError("'\(path.filePath.text)': label maps are written as PNG files, wanted a path that ends in .png")
  }
  try writeAtomically(path, encodeLabels(map))
}

typealias CDecode =
  (
    UnsafePointer<UInt8>?, Int, UnsafePointer<lmc_header>?, lmc_region, UnsafeMutableRawPointer?, CMessage?
  ) -> Int32

/// The numbers of a file that CImageCodecs reads, where they are labels.
func labelMap(_ format: String, _ file: [UInt8], header read: CHeaderReader, decode: CDecode) throws -> LabelMap {
  var header = lmc_header()
  try throwing(format) { read(file, file.count, &header, $0) }
  guard header.channels == 1 else {
    throw ImageFileError.noLabels(format: format, "it has \(header.channels) channels a pixel")
  }
  guard header.is_raw != 0, Int(header.type) != Int(LMC_FLOAT32) else {
    throw ImageFileError.noLabels(format: format, "its numbers are no integers of 8 or 16 bits with 0 for black")
  }
  return try LabelMap(height: header.height, width: header.width) { labels in
    let region = lmc_region(top: 0, left: 0, height: header.height, width: header.width)
    // Decoded into the end of the labels' own memory, and widened from the front: no number is overwritten unread.
    let bytes = Int(header.type) == Int(LMC_UINT16) ? 2 : 1
    let whole = UnsafeMutableRawBufferPointer(labels)
    let stored = UnsafeMutableRawBufferPointer(rebasing: whole[(whole.count - bytes * labels.count)...])
    try throwing(format) { decode(file, file.count, &header, region, stored.baseAddress, $0) }
    for index in labels.indices {
      labels[index] =
        bytes == 2 ? Int32(stored.load(fromByteOffset: 2 * index, as: UInt16.self)) : Int32(stored[index])
    }
  }
}
