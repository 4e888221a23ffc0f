import Foundation
import Testing

/// A parallel region that makes a Swift collection, a string or a `Result` may have to build its type's metadata, under
/// a lock of Swift's runtime that a fork in that moment leaves locked in the child. The closures given to parallel
/// calls therefore make none. What they call is not seen here: loading images decodes files and has to allocate, so a
/// fork while images load is the one that may meet it.
@Suite struct RegionAllocationTests {
  private static let calls = [
    "parallel", "parallelRows", "parallelElements", "parallelWithScratch", "parallelTrying",
    "addPartialSums",
  ]
  private static let makers = [
    "Array(", "Set(", "Dictionary(", "String(", "](repeating", ".filter", ".sorted", ".flatMap", ".compactMap",
    ".append(", "= [", "+ [", "Buffer(", "ForkSafe(", "Result {", "\\(", ".map",
  ]
  /// `map` of optionals.
  private static let harmless = ["follower.map", "offsets.map"]

  /// The text from an opening bracket to its closing one.
  private func bracketed(_ text: Substring) -> Substring {
    var depth = 0
    for index in text.indices {
      if "({".contains(text[index]) { depth += 1 }
      if ")}".contains(text[index]) { depth -= 1 }
      if depth == 0 { return text[...index] }
    }
    return text
  }

  /// The bodies of closures behind parallel calls in a source.
  private func regions(_ source: String) -> [Substring] {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    let uncommented = lines.map { line -> String in
      String(line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line)
    }
    let code: String = uncommented.joined(separator: "\n")
    var found: [Substring] = []
    for call in Self.calls {
      for match in code.ranges(of: " \(call)(") where !code[..<match.lowerBound].hasSuffix("func") {
        let arguments = bracketed(code[code.index(before: match.upperBound)...])
        let rest = code[arguments.endIndex...].drop { $0.isWhitespace }
        if rest.first == "{" { found.append(bracketed(rest)) }
      }
    }
    return found
  }

  private func offences(_ region: Substring) -> [String] {
    var text = String(region)
    for allowed in Self.harmless { text = text.replacing(allowed, with: "") }
    return Self.makers.filter { text.contains($0) }
  }

  @Test func closuresOfParallelRegionsMakeNoCollections() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var count = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      for region in regions(try String(contentsOf: file, encoding: .utf8)) {
        count += 1
        #expect(offences(region).isEmpty, "\(file.lastPathComponent): \(region.prefix(200))")
      }
    }
    #expect(count > 30)
  }

  @Test func collectionsInRegionsAreFound() {
    let region = regions("  parallel(count) { i in\n    var a = [Int](repeating: 0, count: i)  // [b]\n  }\n")
    #expect(region.map { offences($0) } == [["](repeating", "= ["]])
    #expect(regions("func parallel(_ count: Int) { }").isEmpty)
  }
}
