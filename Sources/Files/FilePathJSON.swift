import Compute

extension FilePath {
  /// A JSON string: bytes that are no UTF-8 stand as `\udce9`, as Python's `surrogateescape` has them.
  public var jsonText: String {
    let inside = pieces.map { piece in
      switch piece {
      case .text(let text): String(quotedJSON(text).dropFirst().dropLast())
      case .byte(let byte): "\\udc" + String(byte, radix: 16)
      }
    }
    return "\"" + inside.joined() + "\""
  }
}
