/// The weights that resample `inputs` values along an axis to `outputs`: cubic convolution with a = −½, widened by the
/// factor of reduction, as images are resized.
///
/// - Returns: [outputs, inputs]; every row sums to 1.
public func antialiasedBicubic(inputs: Int, outputs: Int) -> [Float] {
  let axis = AxisWeights(inputs: inputs, from: 0, to: Double(inputs), outputs: outputs, .bicubic)
  var matrix = [Float](repeating: 0, count: outputs * inputs)
  for output in 0..<outputs {
    for k in 0..<Int(axis.count[output]) {
      matrix[output * inputs + Int(axis.first[output]) + k] = axis.weights[output * axis.stride + k]
    }
  }
  return matrix
}
