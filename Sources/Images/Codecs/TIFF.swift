import CImageCodecs

extension ImageCodec {
  /// TIFF by libtiff, the first picture of a file. Integers of up to 8 bits become uint8, of 9 to 16 bits uint16, each
  /// scaled to the whole range; floats become float32. Any number of channels, by pixels or by planes, in strips or
  /// tiles; 0 = white is turned, palettes, CMYK and YCbCr become RGB.
  static let tiff = ImageCodec(
    name: "TIFF", endings: ["tif", "tiff"],
    signatures: [
      text("II") + [42, 0], text("MM") + [0, 42], text("II") + [43, 0, 8, 0], text("MM") + [0, 43, 0, 8],
    ],
    header: { try readHeader("TIFF", $0, lmc_tiff_header) },
    decode: { file, header, part, pixels in
      var header = lmc_header(header)
      try throwing("TIFF") {
        lmc_tiff_decode(file, file.count, &header, lmc_region(part.rectangle), pixels.baseAddress, $0)
      }
    },
    labels: { try labelMap("TIFF", $0, header: lmc_tiff_header, decode: lmc_tiff_decode) },
    library: { lmc_tiff_library($0) })
}
