import Compute
import Glibc

/// Softmax regression: logits = x·Wᵀ + b.
public final class LinearClassifier {
  public let classes: Int
  public let width: Int
  /// [classes, width]
  public let weight: Buffer
  /// [classes]
  public let bias: Buffer

  /// The weights are normal with the standard deviation given (timm's truncation at ±2 lies so far out that no draw
  /// meets it), the biases 0.
  ///
  /// - Throws: `OutOfMemory`.
  public init(classes: Int, width: Int, initStd: Double, seed: UInt64) throws {
    (self.classes, self.width) = (classes, width)
    weight = try Buffer(count: classes * width)
    bias = try Buffer(count: classes, repeating: 0)
    let stream = RandomStream(seed: seed, purpose: .initialisation)
    let place = weight.pointer
    parallelElements(weight.count) { range in
      for index in range { place[index] = Float(initStd * stream.standardNormal(at: index)) }
    }
  }

  /// The mean cross-entropy of a batch, and its gradient.
  ///
  /// - Parameters:
  ///   - x: [rows, width].
  ///   - targets: [rows], classes.
  /// - Throws: `OutOfMemory`.
  public func loss(_ x: Buffer, targets: [Int], into gradient: LinearGradient) throws -> Double {
    let rows = targets.count
    let logits = try logits(x.pointer, rows: rows)
    var losses = [Double](repeating: 0, count: rows)
    losses.withUnsafeMutableBufferPointer { losses in
      parallelRows(rows, cost: 16 * classes) { range in
        for row in range {
          losses[row] = crossEntropy(
            logits.pointer + row * classes, count: classes, target: targets[row], scale: 1 / Double(rows))
        }
      }
    }
    try parallelProduct(
      classes, width, rows, MatrixView(logits.pointer, stride: classes, transposed: true),
      .view(MatrixView(x.pointer, stride: width)), into: MatrixOutput(gradient.weight.pointer, stride: width))
    gradient.bias.pointer.update(repeating: 0, count: classes)
    try addColumnSums(logits.pointer, rows: rows, width: classes, into: gradient.bias.pointer)
    return losses.reduce(0, +) / Double(rows)
  }

  /// [rows], the class with the largest logit, the lowest on ties.
  ///
  /// - Throws: `OutOfMemory`.
  public func predictions(_ x: UnsafePointer<Float>, rows: Int) throws -> [Int] {
    let logits = try logits(x, rows: rows)
    return (0..<rows).map { row in
      firstLargest(UnsafeBufferPointer(start: logits.pointer + row * classes, count: classes).lazy.map { Double($0) })
    }
  }

  private func logits(_ x: UnsafePointer<Float>, rows: Int) throws -> Buffer {
    let logits = try Buffer(count: rows * classes)
    try parallelProduct(
      rows, classes, width, MatrixView(x, stride: width),
      .view(MatrixView(weight.pointer, stride: width, transposed: true)),
      into: MatrixOutput(logits.pointer, stride: classes), Epilogue(bias: bias.pointer))
    return logits
  }
}

/// The gradient of a linear classifier's parameters.
public final class LinearGradient {
  public let weight: Buffer
  public let bias: Buffer

  /// - Throws: `OutOfMemory`.
  public init(for classifier: LinearClassifier) throws {
    weight = try Buffer(count: classifier.weight.count, repeating: 0)
    bias = try Buffer(count: classifier.bias.count, repeating: 0)
  }
}

/// −log softmax(logits)[target]; the logits become scale times its gradient, softmax − one-hot.
private func crossEntropy(
  _ logits: UnsafeMutablePointer<Float>, count: Int, target: Int, scale: Double
) -> Double {
  var largest = -Double.infinity
  for index in 0..<count { largest = max(largest, Double(logits[index])) }
  var sum = 0.0
  for index in 0..<count { sum += exp(Double(logits[index]) - largest) }
  let loss = log(sum) + largest - Double(logits[target])
  for index in 0..<count {
    let probability = exp(Double(logits[index]) - largest) / sum
    logits[index] = Float(scale * (probability - (index == target ? 1 : 0)))
  }
  return loss
}
