import Files

/// What can be said about weights of another project.
struct ForeignOptions {
  /// The family they are of; nil: told from the names.
  var family: String?
  /// What stands before the encoder's names; nil: one of the family's.
  var prefix: String?
  var antialias = true
  /// ε of layer normalisation.
  var epsilon = 1e-6
  /// The options of a model among them: `grid`, `heads`, `mean`, `std`.
  let model: JSONCursor

  static let modelOptions = ["grid", "heads", "mean", "std"]
  static let known = ["family", "prefix", "antialias", "epsilon"] + modelOptions
  /// The family of this project's own names.
  static let own = "latentmim"

  /// - Throws: `JSONError` for options that weights of another project have not, `ConfigurationError`.
  init(_ options: JSONCursor) throws {
    try options.refuseKeys(otherThan: Self.known)
    family = try options.optionalMember("family")?.string()
    prefix = try options.optionalMember("prefix")?.string()
    antialias = try options.optionalMember("antialias")?.bool() ?? antialias
    epsilon = try options.optionalMember("epsilon")?.double() ?? epsilon
    guard epsilon > 0, epsilon <= 1 else {
      throw ConfigurationError("epsilon", "is \(epsilon), wanted 0 < epsilon ≤ 1")
    }
    let members = try options.object().filter { Self.modelOptions.contains($0.key) }
    model = JSONCursor(.object(members), source: options.path)
  }

  /// The option `grid` alone.
  func grid() throws -> [String: JSONValue] { try model.object().filter { $0.key == "grid" } }

  /// Options with the family taken out, for this project's own names.
  static func withoutFamily(_ options: JSONCursor) throws -> JSONCursor {
    JSONCursor(.object(try options.object().filter { $0.key != "family" }), source: options.path)
  }
}
