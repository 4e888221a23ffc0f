import Compute

/// What can be wrong with a packed file of images.
public enum PackedError: DescribedError, Equatable {
  /// A safetensors file of something else, or of a later version.
  case other(path: String, problem: String)
  /// A tensor of it has another type or shape, or says what cannot be.
  case tensor(path: String, name: String, problem: String)
  /// The bytes of an image file are not those that were packed.
  case checksum(found: UInt32, wanted: UInt32)
  /// The bytes of an image file are more than are read of any.
  case tooLarge(bytes: Int, most: Int)

  public var kind: ErrorKind { .value }

  public var description: String {
    switch self {
    case .other(let path, let problem): "'\(path)' is no packed file of images: \(problem)"
    case .tensor(let path, let name, let problem): "'\(path)' is damaged: tensor '\(name)' \(problem)"
    case .checksum(let found, let wanted):
      "it is damaged in the packed file: its CRC-32 is \(hexadecimal(found)), wanted \(hexadecimal(wanted)); copy the file "
        + "again, or pack again"
    case .tooLarge(let bytes, let most): "it has \(bytes) bytes in the packed file, wanted at most \(most)"
    }
  }
}

private func hexadecimal(_ number: UInt32) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
