// How names of tensors are taken apart: `backbone.blocks.3.norm1.weight`.

/// What training tools put into names, anywhere: distributed training, compilation, sharding, checkpointed activations.
private let wrappers: Set<Substring> = [
  "module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
]

/// A name, or the beginning of one, without what training tools put in.
func withoutWrappers(_ name: String) -> String {
  let parts = name.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.dropLast().contains(where: wrappers.contains) else { return name }
  return (parts.dropLast().filter { !wrappers.contains($0) } + parts.suffix(1)).joined(separator: ".")
}

/// A rule's name with the number of the block.
func numbered(_ name: String, _ block: Int?) -> String {
  block.map { block in name.split(separator: "*", omittingEmptySubsequences: false).joined(separator: "\(block)") }
    ?? name
}

/// A name with `*` for the first part that is a number, and that number: ("blocks.*.norm1.weight", 3).
func starred(_ name: String) -> (name: String, number: Int?) {
  var parts = name.split(separator: ".", omittingEmptySubsequences: false)
  guard let place = parts.firstIndex(where: { Int($0) != nil }), let number = Int(parts[place]) else {
    return (name, nil)
  }
  parts[place] = "*"
  return (parts.joined(separator: "."), number)
}

/// DINOv2 trains blocks in chunks: "blocks.1.7.norm1.weight" is block 7.
func withoutChunk(_ name: String) -> String {
  let parts = name.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.count > 3, parts[0] == "blocks", Int(parts[1]) != nil, Int(parts[2]) != nil else { return name }
  return (["blocks"] + parts.dropFirst(2)).joined(separator: ".")
}

extension String {
  /// Whether it ends in `end` where a part of a name begins: "model.encoder." in "encoder.", not "my_encoder.".
  func ends(inParts end: String) -> Bool { self == end || end.isEmpty || hasSuffix("." + end) }
}
