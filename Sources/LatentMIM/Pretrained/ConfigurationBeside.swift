import Compute
import Files
import Networks

/// What files beside another project's weights say of the encoder: Hugging Face's `config.json` and
/// `preprocessor_config.json`, timm's `config.json`, OpenCLIP's `open_clip_config.json`.
public struct ConfigurationBeside: Sendable, Equatable {
  /// Which file most of it comes from, for messages.
  var source = ""
  var width: Int?
  /// timm's name of the model.
  var architecture: String?
  var heads: Int?
  var epsilon: Double?
  /// As transformers names it: "gelu", "quick_gelu", "gelu_pytorch_tanh" …
  var activation: String?
  /// Rows and columns of the trained grid.
  var grid: [Int]?
  var pixels: PixelRule?
  /// The longest period of rotary positions over the shortest.
  var theta: Double?
  /// Rows and columns of the grid that rotary positions count.
  var reference: [Int]?
  /// What could not be read.
  var remarks: [String] = []

  /// Whether it can be of an encoder of this width.
  func fits(width: Int) -> Bool { self.width.map { $0 == width } ?? true }
}

extension ConfigurationBeside {
  /// What lies in a folder.
  public init(folder: FilePath) {
    read(folder, "config.json") { configuration, json in
      if json["pretrained_cfg"] != nil || json["architecture"] != nil {
        configuration.takeTimm(json)
      } else {
        configuration.takeTransformers(json)
      }
    }
    read(folder, "open_clip_config.json") { $0.takeOpenCLIP($1) }
    for name in ["processor_config.json", "preprocessor_config.json"] {
      read(folder, name) { $0.takeProcessor(members($1["image_processor"]) ?? $1) }
    }
  }

  private mutating func read(
    _ folder: FilePath, _ name: String, _ take: (inout Self, [String: JSONValue]) -> Void
  ) {
    let path = folder.appending(FilePath(name))
    guard isFile(path) else { return }
    guard let file = try? ReadableFile(path: path), file.size < 1 << 24,
      let bytes = try? file.bytes(at: 0, count: file.size),
      let value = try? JSONValue(parsing: bytes, source: path.text), let json = members(value)
    else {
      return remarks.append("\(path.text) lies beside the weights and is not read: it is no JSON object")
    }
    if source.isEmpty { source = path.text }
    take(&self, json)
  }

  /// `save_pretrained` of transformers: the encoder's sizes, or those of its image tower.
  private mutating func takeTransformers(_ json: [String: JSONValue]) {
    let json = members(json["vision_config"]) ?? json
    (width, heads) = (integer(json["hidden_size"]), integer(json["num_attention_heads"]))
    (epsilon, theta) = (number(json["layer_norm_eps"]), number(json["rope_theta"]))
    activation = text(json["hidden_act"])
    setGrid(image: json["image_size"], patch: json["patch_size"])
  }

  /// `save_for_hf` of timm.
  private mutating func takeTimm(_ json: [String: JSONValue]) {
    let (arguments, pretrained) = (members(json["model_args"]) ?? [:], members(json["pretrained_cfg"]) ?? json)
    width = integer(arguments["embed_dim"]) ?? integer(json["num_features"])
    heads = integer(arguments["num_heads"])
    architecture = text(json["architecture"])
    if architecture?.contains("quickgelu") == true { activation = "quick_gelu" }
    if let layer = text(arguments["act_layer"]) { activation = layer }
    if architecture?.contains("_clip_") == true, architecture?.hasPrefix("eva") == false { epsilon = 1e-5 }
    setGrid(image: arguments["img_size"], patch: arguments["patch_size"])
    theta = number(arguments["rope_temperature"])
    let counted = sides(arguments["ref_feat_shape"])
    if counted.count == 2, counted.allSatisfy({ $0 > 0 }) { reference = counted }
    pixels = pixelRule(pretrained["mean"], pretrained["std"])
  }

  private mutating func takeOpenCLIP(_ json: [String: JSONValue]) {
    let model = members(json["model_cfg"]) ?? json
    let vision = members(model["vision_cfg"]) ?? [:]
    width = integer(vision["width"])
    heads = width.flatMap { width in (integer(vision["head_width"]) ?? 64).nonZero.map { width / $0 } }
    activation = boolean(model["quick_gelu"]) == true ? "quick_gelu" : "gelu"
    setGrid(image: vision["image_size"], patch: vision["patch_size"])
    let preprocessing = members(json["preprocess_cfg"]) ?? [:]
    pixels = pixelRule(preprocessing["mean"], preprocessing["std"])
  }

  /// An image processor of transformers.
  private mutating func takeProcessor(_ json: [String: JSONValue]) {
    if boolean(json["do_normalize"]) == false {
      pixels = PixelRule(mean: [0, 0, 0], std: [1, 1, 1])
    } else {
      pixels = pixelRule(json["image_mean"], json["image_std"]) ?? pixels
    }
  }

  private mutating func setGrid(image: JSONValue?, patch: JSONValue?) {
    let (image, patch) = (sides(image), sides(patch))
    guard image.count == 2, patch.count == 2, patch.allSatisfy({ $0 > 0 }) else { return }
    grid = zip(image, patch).map { $0 / $1 }
  }
}

private func members(_ value: JSONValue?) -> [String: JSONValue]? {
  if case .object(let members)? = value { members } else { nil }
}

private func integer(_ value: JSONValue?) -> Int? { if case .integer(let number)? = value { number } else { nil } }

private func boolean(_ value: JSONValue?) -> Bool? { if case .bool(let truth)? = value { truth } else { nil } }

private func text(_ value: JSONValue?) -> String? { if case .string(let text)? = value { text } else { nil } }

private func number(_ value: JSONValue?) -> Double? {
  switch value {
  case .integer(let number)?: Double(number)
  case .number(let number)?: number
  default: nil
  }
}

/// One number for both sides, or height and width; else empty.
private func sides(_ value: JSONValue?) -> [Int] {
  if let side = integer(value) { return [side, side] }
  guard case .array(let sides)? = value else { return [] }
  let found = sides.compactMap { integer($0) }
  return found.count == sides.count ? found : []
}

private func pixelRule(_ mean: JSONValue?, _ std: JSONValue?) -> PixelRule? {
  func list(_ value: JSONValue?) -> [Double] {
    guard case .array(let numbers)? = value else { return [] }
    return numbers.compactMap(number)
  }
  let (mean, std) = (list(mean), list(std))
  return mean.isEmpty || mean.count != std.count || !std.allSatisfy { $0 > 0 } ? nil : PixelRule(mean: mean, std: std)
}

extension Int {
  fileprivate var nonZero: Int? { self > 0 ? self : nil }
}
