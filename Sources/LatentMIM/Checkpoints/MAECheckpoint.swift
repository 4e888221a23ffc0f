/// MAE's published checkpoints (He et al. 2022), encoder and decoder, under this project's names.
struct MAECheckpoint: TensorSource {
  private let source: any TensorSource
  /// Their names by ours.
  private let originals: [String: String]

  /// nil where `source` is none: the names of MAE's decoder tell.
  init?(_ source: any TensorSource) {
    let prefix = source.names.contains { $0.hasPrefix("module.decoder_pred.") } ? "module." : ""
    guard source.names.contains(prefix + "decoder_pred.weight") else { return nil }
    self.source = source
    originals = Dictionary(
      source.names.map { name in
        (Self.ourName(name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name), name)
      }, uniquingKeysWith: { first, _ in first })
  }

  /// What they call a part, and what it is called here, the more particular first.
  private static let parts = [
    ("decoder_embed.", "decoder.embed."), ("decoder_blocks.", "decoder.blocks."), ("decoder_norm.", "decoder.norm."),
    ("decoder_pred.", "decoder.head."), ("decoder_pos_embed", "decoder.pos_embed.pos_embeds"),
    ("mask_token", "decoder.mask_token"), ("patch_embed.", "encoder.embed."),
    ("pos_embed", "encoder.pos_embed.pos_embeds"), ("cls_token", "encoder.cls_token"),
    ("blocks.", "encoder.blocks."), ("norm.", "encoder.norm."),
  ]

  private static func ourName(_ name: String) -> String {
    guard let (theirs, ours) = parts.first(where: { name.hasPrefix($0.0) }) else { return name }
    return ours + name.dropFirst(theirs.count)
  }

  var names: [String] { originals.keys.sorted() }

  private func original(_ name: String) -> String { originals[name] ?? name }

  /// A convolution's [C, channels, P, P] is [C, P·P·channels] here, a table of positions [1, L + 1, C] is [L + 1, C].
  func shape(of name: String) throws -> [Int] {
    let shape = try source.shape(of: original(name))
    if isConvolution(name, shape) { return [shape[0], shape[1] * shape[2] * shape[3]] }
    return isPositionTable(name) && shape.count == 3 && shape[0] == 1 ? Array(shape.dropFirst()) : shape
  }

  func unreadableType(of name: String) throws -> String? { try source.unreadableType(of: original(name)) }

  func read(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    try source.read(original(name), into: buffer)
    let shape = try source.shape(of: original(name))
    guard isConvolution(name, shape) else { return }
    let (channels, pixels) = (shape[1], shape[2] * shape[3])
    let stored = Array(buffer)
    for (place, value) in stored.enumerated() {
      let (row, rest) = place.quotientAndRemainder(dividingBy: channels * pixels)
      buffer[row * channels * pixels + rest % pixels * channels + rest / pixels] = value
    }
  }

  private func isConvolution(_ name: String, _ shape: [Int]) -> Bool {
    name == "encoder.embed.proj.weight" && shape.count == 4
  }
}
