import Tensors

/// What one forward pass of one crop of each image leaves.
struct ForwardOutputs {
  /// The mean over images of what the objective says, a single number.
  let objective: Tensor
  /// What the terms of the loss that mix images are computed from.
  let mixed: MixedValues
  /// [B, V, C], projected visible tokens; a constant.
  let visible: Tensor
  /// [B], similarities within images.
  let ofPredictions: Tensor
  let ofVisible: Tensor
  let ofTargets: Tensor
}

extension BatchMetrics {
  /// The loss, and the means over images and crops of what was measured.
  init(loss: Double, _ outputs: [ForwardOutputs]) {
    self.init()
    self.loss = loss
    func mean(_ part: (ForwardOutputs) -> Tensor) -> Double {
      let values = outputs.flatMap { part($0).values }
      return values.reduce(0.0) { $0 + Double($1) } / Double(max(values.count, 1))
    }
    objectiveLoss = mean(\.objective)
    similarityPredictions = mean(\.ofPredictions)
    similarityVisible = mean(\.ofVisible)
    similarityTargets = mean(\.ofTargets)
  }
}
