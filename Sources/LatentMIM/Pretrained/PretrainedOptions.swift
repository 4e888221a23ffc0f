import Files

/// What can be said about weights of another project.
struct PretrainedOptions: Configurable {
  static let name = "weights of another project"
  /// The family they are of; nil: told from the names.
  var family: String?
  /// What stands before the encoder's names; nil: one of the family's.
  var prefix: String?
  var antialias = true
  /// ε of layer normalisation.
  var epsilon = 1e-6
  /// The options of a model among them: `modelOptions`.
  private(set) var model = JSONCursor(.object([:]), source: PretrainedOptions.name)

  static let options: [Option<Self>] = [
    Option("family", \.family, .optional(.choice(of: families))),
    Option("prefix", \.prefix, .optional(.text)),
    Option("antialias", \.antialias, .flag),
    Option("epsilon", \.epsilon, .number(1e-30...1)),
  ]

  /// Options of a model that weights of another project have.
  static let modelOptions = ["grid", "heads", "mean", "std"]
  /// The family of this project's own names.
  static let own = "latentmim"
  static let families = [own] + EncoderFamily.all.map(\.name)

  init() {}

  /// - Throws: `JSONError` for options that weights of another project have not, `ConfigurationError`.
  init(_ options: JSONCursor) throws {
    try apply(options, also: Set(Self.modelOptions))
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
