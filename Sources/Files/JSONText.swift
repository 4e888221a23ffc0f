extension JSONValue {
  /// The text of the value, keys in order of their bytes, so that equal values give equal texts.
  ///
  /// - Parameter pretty: one entry a line, indented by two spaces, for files that people read; else all on one line.
  /// - Throws: `JSONError.notFinite` when a number is infinite or NaN.
  public func text(pretty: Bool = false) throws -> String {
    var out = ""
    try write(to: &out, indent: pretty ? "\n" : nil)
    return out
  }

  /// `indent` is the line break with the spaces of the enclosing level; nil writes on one line.
  private func write(to out: inout String, indent: String?) throws {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .integer(let value): out += value.description
    case .number(let value):
      guard value.isFinite else { throw JSONError.notFinite(value) }
      // Always with a point or an exponent, so that it is read back as a floating number; shortest digits that are
      // exact.
      out += value.description
    case .string(let value): writeQuoted(value, to: &out)
    case .array(let elements):
      try writeList(elements, "[", "]", to: &out, indent) { try $0.write(to: &$1, indent: $2) }
    case .object(let members):
      let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      try writeList(sorted, "{", "}", to: &out, indent) { member, out, indent in
        writeQuoted(member.key, to: &out)
        out += indent == nil ? ":" : ": "
        try member.value.write(to: &out, indent: indent)
      }
    }
  }
}

private func writeList<Element>(
  _ elements: [Element], _ open: String, _ close: String, to out: inout String, _ indent: String?,
  _ write: (Element, inout String, String?) throws -> Void
) throws {
  out += open
  let inner = indent.map { $0 + "  " }
  for (index, element) in elements.enumerated() {
    if index > 0 { out += "," }
    out += inner ?? ""
    try write(element, &out, inner)
  }
  if !elements.isEmpty { out += indent ?? "" }
  out += close
}

/// A JSON string, its quotation marks included.
func quotedJSON(_ value: String) -> String {
  var text = ""
  writeQuoted(value, to: &text)
  return text
}

private func writeQuoted(_ value: String, to out: inout String) {
  out += "\""
  for scalar in value.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\t": out += "\\t"
    case "\u{0}"..<" ":
      let digits = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: out.unicodeScalars.append(scalar)
    }
  }
  out += "\""
}
