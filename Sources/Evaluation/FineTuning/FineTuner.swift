import Compute
import Images
import LatentMIM
import Networks
import Tensors

/// Trains an encoder and a classifier step by step.
final class FineTuner {
  let encoder: Encoder
  let recipe: FineTuningRecipe
  private let head: ClassificationHead
  private let tuning: FineTuning
  private let pooling: Pooling
  private let dataset: any ImageDataset
  private let labels: [Int]
  private let classes: Int
  private let augmentation: Augmentation
  private let optimizer: AdamW
  /// The encoder that was given, by which ranks reach each other.
  private let source: Encoder
  private let shared: SharedTraining
  private var order: [Int] = []

  /// Images that go through the network at once.
  private static let imagesAtOnce = 32

  /// - Parameter classes: [training images], the class of each, and how many classes there are.
  /// - Throws: `ImageError`, `ShapeError`, `OutOfMemory`.
  init(_ tuning: FineTuning, _ images: TrainingImages, labels: [Int], classes: Int) throws {
    (self.tuning, self.labels, self.classes) = (tuning, labels, classes)
    (dataset, pooling) = (images.dataset, images.features.pooling)
    recipe = FineTuningRecipe(tuning, count: dataset.count)
    source = images.encoder
    encoder = try source.trainableCopy()
    head = try ClassificationHead(
      width: encoder.configuration.width, classes: classes, initStd: Float(tuning.initStd))
    head.initialize(prefix: "head", seed: UInt64(tuning.seed))
    let normalization = try encoder.configuration.normalization()
    let seen = try EvaluationTransform(images.features.framing, normalization: normalization)
    var augmentation = try Augmentation(
      height: seen.height, width: seen.width, crop: RandomResizedCrop(area: recipe.cropArea...1),
      normalization: normalization)
    if recipe.randAugment {
      try Levels.check(channels: encoder.configuration.channels)
      augmentation.levels = RandAugment.standard
    }
    if tuning.erasingProbability > 0 {
      augmentation.erasing = try RandomErasing(probability: tuning.erasingProbability)
    }
    self.augmentation = augmentation
    let (depth, layerDecay, layers) = (encoder.configuration.depth, recipe.layerDecay, encoder)
    let parameters = encoder.parameters + head.namedParameters(prefix: "head")
    optimizer = try AdamW(
      parameters, beta1: 0.9, beta2: 0.999, weightDecay: Float(tuning.weightDecay),
      decays: { $0.parameter.shape.count > 1 && $0.name != "encoder.cls_token" },
      rateFactor: { named in
        let steps = depth + 1 - layers.layer(ofParameter: named.name)
        return Float((0..<steps).reduce(1.0) { factor, _ in factor * layerDecay })
      })
    shared = try SharedTraining(source, parameters)
    guard recipe.batchSize >= 2 * shared.size - 1 else {
      let wanted = "wanted \(2 * shared.size - 1) or more: each of \(shared.size) ranks takes pairs of images"
      throw FineTuning.refused("batch_size", "is \(recipe.batchSize), \(wanted)")
    }
  }

  /// One step of training; returns its loss.
  ///
  /// - Parameter step: counted from 0; steps are taken in order.
  /// - Throws: `EvaluationError.diverged`, errors of the images, `OutOfMemory`, `Interrupted`.
  func train(step: Int) throws -> Double {
    let (epoch, number) = step.quotientAndRemainder(dividingBy: recipe.stepsPerEpoch)
    let (size, seed) = (recipe.batchSize, UInt64(tuning.seed))
    if number == 0 {
      order = RandomStream(seed: seed, purpose: .shuffle, epoch: epoch).permutation(of: dataset.count)
    }
    let batch = Array(order[(number * size)..<((number + 1) * size)])
    let mixing = Mixing(
      mixup: recipe.mixup, cutmix: recipe.cutmix, switchProbability: tuning.switchProbability,
      height: augmentation.height, width: augmentation.width,
      RandomStream(seed: seed, purpose: .mixing, epoch: step))
    var dropoutPlan = DropoutPlan(
      stream: RandomStream(seed: seed, purpose: .dropout, epoch: step), dropPath: Float(tuning.dropPath),
      growsOverDepth: true)
    optimizer.clearGradients()
    let loss = try shared.step(work: UInt64(2 * step)) {
      // A part holds whole pairs, so that its reverse are its partners: one from the front, the other from the back.
      let pairs = (size + 1) / 2
      let rounds = (2 * pairs + Self.imagesAtOnce * shared.size - 1) / (Self.imagesAtOnce * shared.size)
      let parts = rounds * shared.size
      return try stride(from: shared.rank, to: parts, by: shared.size).reduce(0.0) { loss, number in
        let front = pairs * number / parts..<pairs * (number + 1) / parts
        let back = max(size - front.upperBound, front.upperBound)..<(size - front.lowerBound)
        let places = Array(front) + Array(back)
        dropoutPlan.images = .these(places)
        return loss + (try train(on: places.map { batch[$0] }, of: size, epoch: epoch, mixing, dropoutPlan))
      }
    }
    let norm = optimizer.gradientNorm()
    try shared.requireSame(gradientNorm: norm)
    guard loss.isFinite, norm.isFinite else {
      throw EvaluationError.diverged(
        scoring: FineTuning.name, step: step, learningRate: recipe.learningRate(step: step))
    }
    optimizer.update(learningRate: Float(recipe.learningRate(step: step)))
    optimizer.clearGradients()
    return loss
  }

  /// Adds a part's share of a batch's gradients; returns its share of the loss.
  private func train(on part: [Int], of batch: Int, epoch: Int, _ mixing: Mixing, _ dropoutPlan: DropoutPlan) throws
    -> Double
  {
    let crops = try loadBatch(
      dataset, indices: part, transform: .train(augmentation), seed: UInt64(tuning.seed), epoch: epoch)
    mixing.apply(to: crops.pixels.pointer, shape: crops.shape)
    let targets = try mixing.targets(
      crops.indices.map { labels[$0] }, classes: classes, smoothing: tuning.labelSmoothing)
    let share = Float(part.count) / Float(batch)
    return try tuning.precision.compute(recomputesBlocks: tuning.recompute) {
      var computation = Computation.current
      computation.dropoutPlan = dropoutPlan
      return try Computation.$current.withValue(computation) {
        let (loss, tape) = try Tape.record {
          try softCrossEntropy(logits(Tensor(shape: crops.shape, buffer: crops.pixels)), targets: targets)
        }
        try tape.backward(from: loss, scale: share)
        return Double(loss.item * share)
      }
    }
  }

  /// Logits [B, classes] of images [B, H, W, channels].
  private func logits(_ images: Tensor) throws -> Tensor {
    let tokens = try encoder.trainingTokens(images)
    guard pooling != .cls else { return try head(firstToken(tokens)) }
    let patches = try (0..<encoder.leadingTokens).reduce(tokens) { tokens, _ in try dropFirstToken(tokens) }
    switch pooling {
    case .topKMean(let k): return try head(largestTokenMeans(patches, k: k))
    case .max: return try head(largestTokenMeans(patches, k: 1))
    case .mean, .cls, .patches, .tokens: return try head(averagedTokens(patches))
    }
  }

  /// The class predicted for each image of a data set; images that could not be read are left out.
  ///
  /// - Throws: errors of the images, `OutOfMemory`, `Interrupted`.
  func predictions(
    _ dataset: any ImageDataset, _ framing: EvaluationTransform.Framing
  ) throws -> (images: [Int], classes: [Int]) {
    let transform = try EvaluationTransform(framing, normalization: encoder.configuration.normalization())
    var (images, found): ([Int], [Int]) = ([], [])
    let parts = (dataset.count + Self.imagesAtOnce - 1) / Self.imagesAtOnce
    try source.eachPart(of: parts, work: UInt64(2 * dataset.count + 1)) { number in
      let asked = Array((number * Self.imagesAtOnce..<dataset.count).prefix(Self.imagesAtOnce))
      let batch = try loadBatch(dataset, indices: asked, transform: .evaluate(transform))
      let scores = try tuning.precision.compute(keepsPackedWeights: true) {
        try logits(Tensor(shape: batch.shape, buffer: batch.pixels))
      }
      return EncodedImages(values: scores.buffer, images: batch.indices)
    } take: { number, part in
      for (row, image) in part.images.enumerated() where image == number * Self.imagesAtOnce + row {
        let values = UnsafeBufferPointer(start: part.values.pointer + row * classes, count: classes)
        images.append(image)
        found.append(firstLargest(values.lazy.map { Double($0) }))
      }
    }
    return (images, found)
  }
}
