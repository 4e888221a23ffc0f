import Images

extension TrainingConfiguration {
  var randomSeed: UInt64 { UInt64(seed) }

  /// The random crop that training sees of each image.
  ///
  /// - Throws: `ConfigurationError`, `ImageError`.
  public func augmentation(for model: ModelConfiguration) throws -> Augmentation {
    try validate()
    try model.validate()
    var augmentation = try Augmentation(
      height: model.cropHeight, width: model.cropWidth,
      crop: RandomResizedCrop(area: cropArea[0]...cropArea[1], ratio: cropRatio[0]...cropRatio[1]),
      flipProbability: flip ? 0.5 : 0, normalization: model.normalization())
    augmentation.fastDecode = fastDecode
    return augmentation
  }
}

extension ModelConfiguration {
  /// What brings pixels in 0 … 1 to what the model expects.
  ///
  /// - Throws: `ImageError`.
  public func normalization() throws -> Normalization {
    try Normalization(mean: mean.map(Float.init), std: std.map(Float.init))
  }
}
