// Error messages stay short whatever a file or a user provides: names, lists and whole messages are truncated.

/// The first texts and the number of the others: "a, b, c and 97 more".
///
/// - Parameter most: how many are listed.
public func listed(_ texts: some Collection<String>, most: Int = 4) -> String {
  let named = texts.prefix(most).map { shortened($0) }.joined(separator: ", ")
  return texts.count > most ? "\(named) and \(texts.count - most) more" : named
}

/// A text, truncated to `most` characters.
public func shortened(_ text: String, to most: Int = 120) -> String {
  // Not `text.count`, which would walk the whole of a long text.
  guard let end = text.index(text.startIndex, offsetBy: most, limitedBy: text.endIndex), end != text.endIndex else {
    return text
  }
  return text[..<end] + " …"
}

extension DescribedError {
  /// `description`, truncated in case a hostile file or a user made it endless.
  public var boundedDescription: String { shortened(description, to: 4000) }
}
