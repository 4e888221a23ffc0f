import Compute
import Tensors

/// A number that is not finite where one was wanted: training went astray, or the input was bad.
public struct NonFiniteError: DescribedError {
  public let kind: ErrorKind
  public let description: String

  /// The computation itself gave `value`.
  init(what: String, value: Double) {
    kind = .notFinite
    description = "\(what) is \(value): the learning rate may be too high; no weights were changed by this step"
  }

  /// The computation gave numbers that are not finite.
  init(what: String, problem: String) {
    kind = .notFinite
    description = "\(what) hold numbers that are not finite: \(problem)"
  }

  /// Input data holds `value` at `index`.
  init(input: String, index: [Int], value: Float) {
    kind = .value
    description = "\(input): the value at \(index) is \(value), wanted finite numbers"
  }
}

/// - Throws: `NonFiniteError` naming the first element that is infinite or not a number.
func requireFinite(_ x: Tensor, name: String) throws {
  // A sum of squares is finite only if every element is (or all are huge: then the search below finds none).
  guard !sumOfSquares(x.pointer, count: x.count).isFinite else { return }
  guard let first = x.buffer.values.firstIndex(where: { !$0.isFinite }) else { return }
  var rest = first
  var index: [Int] = []
  for size in x.shape.reversed() {
    index.insert(rest % size, at: 0)
    rest /= size
  }
  throw NonFiniteError(input: name, index: index, value: x.pointer[first])
}
