import CImageCodecs

extension ImageCodec {
  /// WebP by libwebp to uint8, RGB or RGBA; of a moving picture, the first frame.
  static let webp = ImageCodec(
    name: "WebP", endings: ["webp"], signatures: [text("RIFF") + gap(4) + text("WEBP")],
    header: { try readHeader("WebP", $0, orientation: Orientation(tiff: exifChunk($0)), lmc_webp_header) },
    decode: { file, header, part, pixels in
      var header = lmc_header(header)
      try throwing("WebP") {
        lmc_webp_decode(file, file.count, &header, lmc_region(part.rectangle), pixels.baseAddress, $0)
      }
    },
    library: { lmc_webp_library($0) })
}

/// The content of the chunk `EXIF`: a TIFF structure, behind "Exif" and two zeros in some files.
private func exifChunk(_ file: [UInt8]) -> ArraySlice<UInt8>? {
  var place = 12
  while place + 8 <= file.count {
    let length = file[(place + 4)..<(place + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= file.count - place - 8 else { return nil }
    let content = file[(place + 8)..<(place + 8 + length)]
    if file[place..<place + 4].elementsEqual("EXIF".utf8) {
      return content.starts(with: exifMark) ? content.dropFirst(exifMark.count) : content
    }
    place = content.endIndex + length % 2
  }
  return nil
}
