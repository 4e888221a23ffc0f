import CImageCodecs
import Compute

typealias CMessage = UnsafeMutablePointer<CChar>
typealias CHeaderReader = (UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<lmc_header>?, CMessage?) -> Int32

/// Reads a header by a function of CImageCodecs.
///
/// - Parameter orientation: where the function does not give it.
func readHeader(
  _ format: String, _ file: [UInt8], orientation: Orientation? = nil, _ read: CHeaderReader
) throws -> ImageHeader {
  var header = lmc_header()
  try throwing(format) { read(file, file.count, &header, $0) }
  return ImageHeader(
    height: header.height, width: header.width, channels: header.channels, element: PixelElement(header.type),
    alpha: ImageHeader.Alpha(header.alpha), orientation: orientation ?? Orientation(value: Int(header.orientation)))
}

/// Calls a function of CImageCodecs and throws what it says.
func throwing(_ format: String, _ call: (CMessage) -> Int32) throws {
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

/// What a function of CImageCodecs writes.
func written(by write: (CMessage?) -> Void) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(LMC_MESSAGE)) { message in
    guard let start = message.baseAddress else { return "" }
    write(start)
    return String(cString: start)
  }
}

extension lmc_header {
  init(_ header: ImageHeader) {
    self.init()
    (width, height, channels) = (header.width, header.height, header.channels)
    type = header.element.cType
    orientation = Int32(header.orientation.value)
  }
}

extension lmc_region {
  init(_ rectangle: PixelRectangle) {
    self.init(top: rectangle.top, left: rectangle.left, height: rectangle.height, width: rectangle.width)
  }
}

extension PixelElement {
  fileprivate init(_ type: Int32) {
    switch Int(type) {
    case Int(LMC_UINT16): self = .uint16
    case Int(LMC_FLOAT32): self = .float32
    default: self = .uint8
    }
  }

  fileprivate var cType: Int32 {
    switch self {
    case .uint8: Int32(LMC_UINT8)
    case .uint16: Int32(LMC_UINT16)
    case .float32: Int32(LMC_FLOAT32)
    }
  }
}

extension ImageHeader.Alpha {
  fileprivate init(_ alpha: Int32) {
    switch Int(alpha) {
    case Int(LMC_ALPHA): self = .straight
    case Int(LMC_PREMULTIPLIED_ALPHA): self = .premultiplied
    default: self = .none
    }
  }
}
