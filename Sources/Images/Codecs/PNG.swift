import CImageCodecs

extension ImageCodec {
  /// PNG by libpng to uint8 or uint16: grey, grey and alpha, RGB or RGBA, as it is stored. Palettes become RGB, a
  /// transparent colour becomes alpha, 1, 2 and 4 bits become 8. Gamma and colour profiles are not applied.
  static let png = ImageCodec(
    name: "PNG", endings: ["png"], signatures: [[0x89] + text("PNG\r\n") + [0x1A, 0x0A]],
    header: { try readHeader("PNG", $0, orientation: Orientation(tiff: exifChunk($0)), lmc_png_header) },
    decode: { file, header, part, pixels in
      var header = lmc_header(header)
      try throwing("PNG") {
        lmc_png_decode(file, file.count, &header, lmc_region(part.rectangle), pixels.baseAddress, $0)
      }
    },
    labels: { try labelMap("PNG", $0, header: lmc_png_label_header, decode: lmc_png_decode) },
    library: { lmc_png_library($0) })
}

/// The content of the chunk `eXIf`: a TIFF structure.
private func exifChunk(_ file: [UInt8]) -> ArraySlice<UInt8>? {
  var place = 8
  while place + 12 <= file.count {
    let length = file[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    guard length <= file.count - place - 12 else { return nil }
    let content = file[(place + 8)..<(place + 8 + length)]
    if file[(place + 4)..<(place + 8)].elementsEqual("eXIf".utf8) { return content }
    place = content.endIndex + 4
  }
  return nil
}
