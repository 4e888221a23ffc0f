/// "one of 'a', 'b'": the valid names, for error messages.
public func oneOf(_ names: some Sequence<String>) -> String { "one of \(quoted(names))" }

/// The valid names, for the error message about an unknown one: all if they are few, else the nearest.
public func known(_ names: [String], besides unknown: String) -> String {
  if names.isEmpty { return "there are none" }
  if names.count <= 12 { return "known are \(quoted(names))" }
  return "nearest are \(quoted(nearest(to: unknown, among: names)))"
}

/// The three most likely intended names for a misspelt one, the likeliest first.
public func nearest(to unknown: String, among names: [String]) -> [String] {
  let words = Set(unknown.split(separator: "_"))
  /// The fraction of letters that differ, minus a bonus if both share a word.
  func distance(_ name: String) -> Double {
    let edits = Double(editDistance(Array(unknown.utf8), Array(name.utf8)))
    let sharesWord = name.split(separator: "_").contains { $0.count > 2 && words.contains($0) }
    return edits / Double(max(unknown.utf8.count, name.utf8.count, 1)) - (sharesWord ? 0.5 : 0)
  }
  let ranked = names.enumerated().map { (distance: distance($1), place: $0, name: $1) }
  return ranked.sorted { ($0.distance, $0.place) < ($1.distance, $1.place) }.prefix(3).map(\.name)
}

/// A row of a table in Markdown, with its bars.
public func markdownRow(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }

/// "84.1" of 0.841.
public func percent(_ share: Double) -> String { "\((1000 * share).rounded() / 10)" }

/// "'a', 'b'", long names truncated.
public func quoted(_ names: some Sequence<String>) -> String {
  names.map { "'\($0.count > 60 ? $0.prefix(60) + "…" : $0)'" }.joined(separator: ", ")
}

/// Levenshtein distance: the fewest letters to insert, remove or replace to turn one text into the other.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  // A hostile key may be very long: beyond this length it is near to no name anyway.
  guard a.count <= 100, b.count <= 100 else { return max(a.count, b.count) }
  var row = Array(0...b.count)
  for (i, letter) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, other) in b.enumerated() {
      let replaced = diagonal + (letter == other ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
