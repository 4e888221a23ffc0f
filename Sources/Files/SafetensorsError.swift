import Compute

/// What can be wrong with a safetensors file, with what is asked of it, or with what shall be written.
public enum SafetensorsError: DescribedError, Equatable {
  /// The first eight bytes promise a header that the file cannot hold, or they are missing.
  case headerLength(path: String, length: UInt64, fileBytes: Int)
  /// It is something else that people load by mistake; `kind` says what and what helps.
  case otherKind(path: String, kind: String)
  /// The file ends before what its header describes.
  case cutOff(path: String, wanted: Int, fileBytes: Int)
  /// A file to write has the ending of another format.
  case ending(path: String, ending: String)
  /// The header is not what the format wants: not JSON, a repeated key, a member of another kind.
  case header(path: String, problem: String)
  /// The number of elements does not fit 64 bits, or a dimension is negative.
  case shape(path: String, tensor: String, shape: [Int])
  /// The element type is none that the format names.
  case unknownType(path: String, tensor: String, type: String)
  /// The bytes lie outside the file, overlap another tensor's or leave a hole before them.
  case offsets(path: String, tensor: String, begin: Int, end: Int, wantedBegin: Int, dataBytes: Int)
  /// Shape and element type need another number of bytes than there are.
  case byteCount(path: String, tensor: String, needed: Int, found: Int)
  /// The tensors end before the file does.
  case leftover(path: String, described: Int, dataBytes: Int)
  /// No tensor has this name.
  case missing(path: String, tensor: String)
  /// The elements are no floating numbers.
  case notFloating(path: String, tensor: String, type: String)
  /// The buffer, or the values to write, have another count than the shape says.
  case count(tensor: String, shape: [Int], count: Int)
  /// The system has no memory for the tensor.
  case memory(tensor: String, bytes: Int)
  /// A tensor to write has a name that is taken, or that the format keeps for itself.
  case name(String)

  public var kind: ErrorKind {
    if case .memory = self { .memory } else { .value }
  }

  public var description: String {
    switch self {
    case .headerLength(let path, let length, let fileBytes):
      "'\(path)' is no safetensors file: it has \(fileBytes) bytes and begins with a header length of \(length); wanted 2 "
        + "to \(SafetensorsHeader.longest), within the file"
    case .otherKind(let path, let kind): "'\(path)' is \(kind)"
    case .cutOff(let path, let wanted, let fileBytes):
      "'\(path)' is cut off: it has \(fileBytes) bytes, its header describes \(wanted) or more; load or copy it again"
    case .ending(let path, let ending):
      "'\(path)' ends in '\(ending)', and what is written is safetensors: wanted a name that ends in '.safetensors'"
    case .header(let path, let problem): "'\(path)' is no safetensors file: \(problem)"
    case .shape(let path, let tensor, let shape):
      "'\(path)', tensor '\(shortened(tensor))': shape \(shortened("\(shape)")) is impossible"
    case .unknownType(let path, let tensor, let type):
      "'\(path)', tensor '\(shortened(tensor))': unknown element type '\(shortened(type))'"
    case .offsets(let path, let tensor, let begin, let end, let wantedBegin, let dataBytes):
      "'\(path)', tensor '\(shortened(tensor))': its bytes are \(begin) to \(end), wanted a range that begins at \(wantedBegin) and "
        + "ends within \(dataBytes)"
    case .byteCount(let path, let tensor, let needed, let found):
      "'\(path)', tensor '\(shortened(tensor))': shape and type need \(needed) bytes, its range has \(found)"
    case .leftover(let path, let described, let dataBytes):
      "'\(path)' has \(dataBytes) bytes of data, its header describes \(described)"
    case .missing(let path, let tensor): "'\(path)' has no tensor '\(shortened(tensor))'"
    case .notFloating(let path, let tensor, let type):
      "'\(path)', tensor '\(shortened(tensor))': its elements are \(shortened(type)), wanted F32, F64, F16 or BF16"
    case .count(let tensor, let shape, let count):
      "tensor '\(shortened(tensor))': shape \(shortened("\(shape)")) does not go with \(count) values"
    case .memory(let tensor, let bytes): "tensor '\(shortened(tensor))': no memory for its \(bytes) bytes"
    case .name(let name): "tensor name '\(shortened(name))' is taken"
    }
  }
}
