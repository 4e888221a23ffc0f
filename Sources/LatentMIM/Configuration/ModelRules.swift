import Files

extension ModelConfiguration {
  /// - Throws: `ConfigurationError` where an option is out of its range or options do not go together.
  public func validate() throws {
    try checkRanges()
    try checkSizes()
    try checkMask()
    try checkTargets()
    try checkFixedTargets()
    try checkTrainedParts()
    try checkDecoder()
    try checkObjective()
  }

  private func checkSizes() throws {
    for (name, width, headsName, heads) in [
      ("width", width, "heads", heads), ("decoder_width", decoderWidth, "decoder_heads", decoderHeads),
    ] {
      guard width % heads == 0 else {
        throw ConfigurationError(name, "is \(width), not divisible by \(headsName) = \(heads)")
      }
      guard width % 4 == 0 else {
        throw ConfigurationError(name, "is \(width), wanted a multiple of 4 (sine and cosine of two axes)")
      }
    }
    for (name, values) in [("mean", mean), ("std", std)] where values.count != channels {
      throw ConfigurationError(name, "has \(values.count) values, wanted one for each of \(channels) channels")
    }
  }

  private func checkMask() throws {
    guard patchCounts == nil || (numPatches >= 3 && numVisible <= numPatches - 2) else {
      throw ConfigurationError(
        "num_visible", "is \(numVisible) of \(numPatches) grid cells, wanted at least 2 cells left as targets")
    }
    if maskBlock > 1 {
      try require(mask == .random, "mask_block", "is \(maskBlock) with mask = '\(mask.rawValue)', wanted 1")
      try require(
        trainingRows % maskBlock == 0 && trainingColumns % maskBlock == 0, "mask_block",
        "is \(maskBlock), which does not divide the grid [\(trainingRows), \(trainingColumns)]")
      try require(
        numVisible % (maskBlock * maskBlock) == 0, "num_visible",
        "is \(numVisible), wanted a multiple of mask_block² = \(maskBlock * maskBlock)")
    }
    guard mask == .multiBlock else { return }
    try require(
      trainingRows >= 6 && trainingColumns >= 6, "mask",
      "is 'multi_block' on the grid [\(trainingRows), \(trainingColumns)], wanted at least 6 × 6 cells")
    try require(
      maskedInput == .removed, "masked_input",
      "is 'token' with mask = 'multi_block', wanted 'removed': its context is seen alone")
    try require(
      targetDepth == 0 || targetSees == .all, "target_sees",
      "is 'target' with mask = 'multi_block', wanted 'all': its target blocks overlap")
  }

  private func checkTargets() throws {
    try require(
      usedTargetDepth <= depth, "target_depth", "is \(usedTargetDepth), the encoder has \(depth) blocks")
    try require(
      targetLayers <= usedTargetDepth || targetDepth == 0, "target_layers",
      "is \(targetLayers), the target encoder has \(usedTargetDepth) blocks")
    if targetDepth == 0 {
      let low = "with target_depth = 0: low-level targets have no encoder"
      try require(targetEncoder == .momentum, "target_encoder", "is '\(targetEncoder.rawValue)' \(low)")
      try require(targetSees == .target, "target_sees", "is 'all' \(low)")
      try require(targetLayers == 0, "target_layers", "is \(targetLayers) \(low)")
      try require(targetNorm == .none, "target_norm", "is '\(targetNorm.rawValue)' \(low)")
      try require(targetView == .same, "target_view", "is '\(targetView.rawValue)' \(low)")
      try require(
        lowLevelTarget != .hog || patchSize % 8 == 0, "low_level_target",
        "is 'hog', whose cells are of 8 pixels: patch_size is \(patchSize), wanted a multiple of 8")
    } else {
      try require(
        lowLevelTarget == .pixels, "low_level_target",
        "is '\(lowLevelTarget.rawValue)' with latent targets, wanted target_depth = 0")
    }
    try require(
      targetView == .same || channels == 1 || channels == 3, "target_view",
      "is 'recolored' of \(channels) channels, wanted 1 or 3")
    try require(
      contrastCoefficient == 0 || (targetEncoder == .momentum && targetDepth != 0 && targetLayers == 0),
      "contrast_coefficient", "is \(contrastCoefficient) without the output of a momentum encoder as target, wanted 0")
    try require(
      contrastCoefficient == 0 || targetView == .same, "contrast_coefficient",
      "is \(contrastCoefficient) with target_view = 'recolored', wanted 0 or 'same'")
  }

  /// Targets of what is not trained and follows nothing.
  private func checkFixedTargets() throws {
    let isFrozen = targetEncoder == .frozen
    try require(
      !isFrozen || (teacherWidth != nil && teacherDigest != nil), "target_encoder",
      "is 'frozen' without a teacher: wanted one, an encoder or its file")
    for (name, isGiven) in [("teacher_width", teacherWidth != nil), ("teacher_digest", teacherDigest != nil)] {
      try require(
        isFrozen || !isGiven, name, "is given with target_encoder = '\(targetEncoder.rawValue)', wanted 'frozen'")
    }
    guard isFrozen || targetEncoder == .randomProjection else { return }
    let fixed = "with target_encoder = '\(targetEncoder.rawValue)'"
    try require(targetDepth == nil, "target_depth", "is \(targetDepth ?? 0) \(fixed), wanted none")
    try require(targetLayers == 0, "target_layers", "is \(targetLayers) \(fixed), wanted 0")
    try require(
      projector != .both, "projector", "is 'both' \(fixed), which has none: wanted 'none', or 'online' for predictions")
    try require(
      !isFrozen || targetSees == .all, "target_sees", "is 'target' \(fixed), which sees whole crops: wanted 'all'")
  }

  private func checkTrainedParts() throws {
    if case .last(let blocks) = trainLayers {
      try require(blocks <= depth, "train_layers", "is \(blocks), the encoder has \(depth) blocks")
    }
    try require(
      loraRank == 0 || trainLayers == .all, "train_layers",
      "is \(trainLayers.text) with lora_rank = \(loraRank), which trains what it adds and nothing else of the encoder; "
        + "wanted 'all'")
    try require(
      loraRank <= width, "lora_rank", "is \(loraRank), the encoder is \(width) wide: wanted at most that")
  }

  private func checkDecoder() throws {
    try require(
      !visualCues || decoder == .crossAttention, "visual_cues",
      "is true with decoder = '\(decoder.rawValue)', which has no queries that could begin with cues; wanted false, or "
        + "decoder = 'cross_attention'")
    try require(
      decoder != .linear || maskedInput == .token, "decoder",
      "is 'linear' with masked_input = 'removed': it reads the tokens that stand for masked patches; wanted "
        + "masked_input = 'token'")
  }

  private func checkObjective() throws {
    let contrasts = objective == .patchDiscrimination
    let other = "with objective = '\(objective.rawValue)', which has no negatives"
    try require(contrasts || negatives == .target, "negatives", "is 'all' \(other)")
    try require(
      contrasts || falseNegativeThreshold >= 1, "false_negative_threshold", "is \(falseNegativeThreshold) \(other)")
    try require(
      negatives == .target || targetSees == .all, "negatives",
      "is 'all' with target_sees = 'target', wanted 'all': there are no latents of the other patches")
    try require(
      !contrasts || mask != .multiBlock || negatives == .all, "negatives",
      "is 'target' with mask = 'multi_block', whose blocks overlap: a target would be its own negative; wanted 'all'")
  }

  private func require(_ holds: Bool, _ option: String, _ problem: @autoclosure () -> String) throws {
    guard holds else { throw ConfigurationError(option, problem()) }
  }

  /// The options in which this differs from a preset.
  public func differences(from preset: Preset) -> [(name: String, here: JSONValue, there: JSONValue)] {
    differences(from: ModelConfiguration(preset: preset))
  }
}

extension JSONCursor {
  /// The preset that a configuration names.
  func preset(otherwise preset: Preset = .official) throws -> Preset {
    guard let place = try optionalMember("preset") else { return preset }
    return try Preset(named: place.string(), option: "preset")
  }
}
