import Compute
import Files
import Networks

/// What can be said about weights of another project.
struct PretrainedOptions: Configurable {
  static let name = "weights of another project"
  /// The family they are of; nil: told from the names.
  var family: String?
  /// What stands before the encoder's names; nil: found by what names end in.
  var prefix: String?
  /// How positions of other grids are found; nil: as the family's own project does.
  var interpolation: PositionInterpolation?
  /// Between the layers of MLPs; nil: the family's. Gated ones are told by their shapes.
  var activation: Activation?
  /// ε of layer normalisation; nil: the family's.
  var epsilon: Double?
  /// A file that configurations lie beside, where arrays come from one.
  var beside: String?
  /// The options of a model among them: `modelOptions`.
  private(set) var model = JSONCursor(.object([:]), source: PretrainedOptions.name)

  static let options: [Option<Self>] = [
    Option("family", \.family, .optional(.choice(of: families))),
    Option("prefix", \.prefix, .optional(.text)),
    Option("interpolation", \.interpolation, .optional(.choice)),
    Option("activation", \.activation, .optional(.choice)),
    Option("beside", \.beside, .optional(.text)),
    Option("epsilon", \.epsilon, .optional(.number(1e-30...1))),
  ]

  /// Options of a model that weights of another project have.
  static let modelOptions = ["grid", "heads", "mean", "std"]
  /// The family of this project's own names.
  static let own = "latentmim"
  static let families = EncoderFamily.all.reduce(into: [own]) { names, family in
    if !names.contains(family.name) { names.append(family.name) }
  }

  init() {}

  /// - Throws: `JSONError` for options that weights of another project have not, `ConfigurationError`.
  init(_ options: JSONCursor) throws {
    try apply(options, also: Set(Self.modelOptions))
    let members = try options.object().filter { Self.modelOptions.contains($0.key) }
    model = JSONCursor(.object(members), source: options.path)
  }

  /// The option `grid` alone.
  func grid() throws -> [String: JSONValue] { try model.object().filter { $0.key == "grid" } }

  /// Options without those that only say where weights come from, for this project's own names.
  static func withoutForeign(_ options: JSONCursor) throws -> JSONCursor {
    JSONCursor(.object(try options.object().filter { !["family", "beside"].contains($0.key) }), source: options.path)
  }
}
