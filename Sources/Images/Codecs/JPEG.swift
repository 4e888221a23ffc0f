import CImageCodecs

extension ImageCodec {
  /// JPEG by libjpeg to uint8, RGB or one channel: the accurate integer transform with smooth chroma upsampling, as in
  /// Pillow. CMYK and YCCK are converted as Pillow does.
  static let jpeg = ImageCodec(
    name: "JPEG", endings: ["jpg", "jpeg", "jpe", "jfif"], signatures: [[0xFF, 0xD8, 0xFF]], reductions: [1, 2, 4, 8],
    header: { try readHeader("JPEG", $0, orientation: Orientation(tiff: exifSegment($0)), lmc_jpeg_header) },
    decode: { file, header, part, pixels in
      var header = lmc_header(header.reduced(by: part.reduction))
      try throwing("JPEG") {
        lmc_jpeg_decode(
          file, file.count, &header, lmc_region(part.rectangle), Int32(part.reduction), pixels.baseAddress, $0)
      }
    },
    library: { lmc_jpeg_library($0) })
}

/// The TIFF structure inside a JPEG file's EXIF segment.
private func exifSegment(_ file: [UInt8]) -> ArraySlice<UInt8>? {
  var place = 2
  while place + 4 <= file.count, file[place] == 0xFF {
    let marker = file[place + 1]
    if marker == 0xFF {  // a fill byte
      place += 1
      continue
    }
    // The picture's data begin: no more segments.
    if marker == 0xDA || marker == 0xD9 { return nil }
    let end = place + 2 + (Int(file[place + 2]) << 8 | Int(file[place + 3]))
    guard end >= place + 4, end <= file.count else { return nil }
    let content = file[(place + 4)..<end]
    if marker == 0xE1, content.starts(with: exifMark) { return content.dropFirst(exifMark.count) }
    place = end
  }
  return nil
}

/// "Exif" and two zeros: what stands before the TIFF structure in JPEG, and in some WebP files.
let exifMark = Array("Exif\0\0".utf8)
