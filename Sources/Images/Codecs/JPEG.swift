import CImageCodecs

extension ImageCodec {
  /// JPEG by libjpeg to uint8 RGB: the accurate integer transform with smooth chroma upsampling, as in Pillow. Grey is
  /// repeated in the three channels; CMYK and YCCK are converted as Pillow does.
  static let jpeg = ImageCodec(
    name: "JPEG", endings: ["jpg", "jpeg", "jpe", "jfif"], signatures: [[0xFF, 0xD8, 0xFF]],
    header: { file in
      var (width, height) = (0, 0)
      try throwing("JPEG") { lmc_jpeg_size(file, file.count, &width, &height, $0) }
      return ImageHeader(height: height, width: width, channels: 3, orientation: Orientation(ofJPEG: file))
    },
    decode: { file, header, pixels in
      let start = pixels.baseAddress?.assumingMemoryBound(to: UInt8.self)
      try throwing("JPEG") { lmc_jpeg_decode(file, file.count, header.width, header.height, start, $0) }
    })
}

/// Calls a function of CImageCodecs and throws what it says.
func throwing(_ format: String, _ call: (UnsafeMutablePointer<CChar>) -> Int32) throws {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(LMC_MESSAGE)) { message in
    guard let start = message.baseAddress else { return }
    start.pointee = 0
    switch Int(call(start)) {
    case Int(LMC_OK): return
    case Int(LMC_NO_MEMORY): throw ImageError.memory(bytes: Int(LMC_MOST_MEMORY))
    default: throw ImageFileError.damaged(format: format, problem: String(cString: start))
    }
  }
}
