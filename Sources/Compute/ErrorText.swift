// Texts of errors stay short, whatever a file or a user gives: names are cut, lists and messages end after some.

/// The first of some texts and how many more there are: "a, b, c and 97 more".
///
/// - Parameter most: how many are named.
public func listed(_ texts: some Collection<String>, most: Int = 4) -> String {
  let named = texts.prefix(most).map { shortened($0) }.joined(separator: ", ")
  return texts.count > most ? "\(named) and \(texts.count - most) more" : named
}

/// A text, or the beginning of one that is longer than `most` characters.
public func shortened(_ text: String, to most: Int = 120) -> String {
  // Counting all characters of a long text takes long.
  guard let end = text.index(text.startIndex, offsetBy: most, limitedBy: text.endIndex), end != text.endIndex else {
    return text
  }
  return text[..<end] + " …"
}

extension DescribedError {
  /// `description`, cut where a hostile file or a user made it endless.
  public var boundedDescription: String { shortened(description, to: 4000) }
}
