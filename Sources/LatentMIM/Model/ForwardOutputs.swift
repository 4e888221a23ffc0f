import Tensors

/// What one forward pass leaves: the loss, projected visible tokens (with a gradient where crops are contrasted), and
/// [B] similarities within images.
struct ForwardOutputs {
  let loss: Tensor
  let visible: Tensor
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
    similarityPredictions = mean(\.ofPredictions)
    similarityVisible = mean(\.ofVisible)
    similarityTargets = mean(\.ofTargets)
  }
}
