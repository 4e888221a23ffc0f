import Compute
import TestSupport
import Tensors
import Testing

@Suite struct VisualCuesTests {
  @Test(arguments: [(1, 1, 1, 1), (3, 17, 3, 6), (1, 177, 17, 3), (2, 3, 177, 1), (1, 3, 1, 177)])
  func weights(images: Int, targets: Int, visible: Int, width: Int) throws {
    let scale: Float = 1.5
    try checkOperation(
      [[images, targets, width], [images, visible, width]], gives: [images, targets, visible], terms: width + visible,
      reference: { inputs in
        (0..<images).flatMap { image in
          let scores = Reference.productWithTransposed(
            Array(inputs[0][image * targets * width..<(image + 1) * targets * width]),
            Array(inputs[1][image * visible * width..<(image + 1) * visible * width]), depth: width)
          return Reference.softmaxRows(scores.map { $0 * Double(scale) }, width: visible)
        }
      },
      operation: { try cueWeights(targets: $0[0], visible: $0[1], scale: scale) })
  }

  @Test(arguments: [(1, 1, 1, 1), (3, 17, 3, 6), (1, 177, 17, 3), (2, 3, 177, 1), (1, 3, 1, 177)])
  func queries(images: Int, targets: Int, visible: Int, width: Int) throws {
    let weights = randomValues(images * targets * visible, seed: 5, in: 0...1)
    try checkOperation(
      [[images, visible + 1, width], [1, 1, width]], gives: [images, targets, width],
      terms: max(visible, images * targets),
      reference: { inputs in
        var y = [Double](repeating: 0, count: images * targets * width)
        for index in y.indices {
          let (image, target, channel) = (index / (targets * width), index / width % targets, index % width)
          y[index] = inputs[1][channel]
          for key in 0..<visible {
            let weight = Double(weights[(image * targets + target) * visible + key])
            y[index] += weight * inputs[0][(image * (visible + 1) + 1 + key) * width + channel]
          }
        }
        return y
      },
      operation: {
        try visualCues($0[0], maskToken: $0[1], weights: Tensor(shape: [images, targets, visible], values: weights))
      })
  }

  @Test func noVisiblePatch() throws {
    let weights = try cueWeights(
      targets: Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1)),
      visible: Tensor(shape: [1, 0, 3], values: []),
      scale: 1)
    #expect(weights.shape == [1, 2, 0])
    let mask = try Tensor(shape: [1, 1, 3], values: [1, 2, 3])
    let y = try visualCues(Tensor(shape: [1, 1, 3], values: [7, 8, 9]), maskToken: mask, weights: weights)
    #expect(y.values == [1, 2, 3, 1, 2, 3])
  }

  @Test func errorsNameTheShapes() throws {
    let x = try Tensor(shape: [1, 2, 3], values: randomValues(6, seed: 1))
    let weights = try Tensor(shape: [1, 2, 1], values: [1, 1])
    let mask = try Tensor(shape: [1, 1, 3], values: [1, 2, 3])
    let flat = try x.reshaped([6])
    expectShapeError("cueWeights", "targets", "[6]") { _ = try cueWeights(targets: flat, visible: x, scale: 1) }
    expectShapeError("cueWeights", "visible", "[1, 3, 2]", "[1, 3, 3]") {
      _ = try cueWeights(targets: x, visible: x.reshaped([1, 3, 2]), scale: 1)
    }
    expectShapeError("cueWeights", "visible", "[6]") { _ = try cueWeights(targets: x, visible: flat, scale: 1) }
    expectShapeError("visualCues", "weights", "[6]") { _ = try visualCues(x, maskToken: mask, weights: flat) }
    expectShapeError("visualCues", "e", "[1, 1, 3]", "[1, 2, 3]") {
      _ = try visualCues(mask, maskToken: mask, weights: weights)
    }
    expectShapeError("visualCues", "maskToken", "[1, 2, 3]", "[1, 1, 3]") {
      _ = try visualCues(x, maskToken: x, weights: weights)
    }
  }
}
