import Compute

/// A function of each number by itself, whose gradient needs the numbers alone.
///
/// - Parameters:
///   - x: any shape.
///   - name: in profiles.
///   - value: writes y for so many numbers of x, of the number format with this code.
///   - gradient: writes dx for so many numbers of x and dy.
/// - Returns: the shape and type of `x`.
/// - Throws: `OutOfMemory`.
func elementwise(
  _ x: Tensor, _ name: String,
  value: @escaping (_ count: Int, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ type: Int32) -> Void,
  gradient:
    @escaping (
      _ count: Int, _ x: UnsafeRawPointer, _ dy: UnsafeRawPointer, _ dx: UnsafeMutableRawPointer, _ type: Int32
    ) -> Void
) throws -> Tensor {
  let (input, count, type, part) = (x.kept, x.count, x.element, Profile.part)
  func apply(_ input: Buffer) throws -> Buffer {
    let y = try Buffer(count: count, element: type)
    Profile.measure(name, part: part, bytes: Double(2 * y.bytes)) {
      parallelElements(count) { range in
        let first = range.lowerBound
        value(range.count, input.address(first), y.address(first), type.code)
      }
    }
    return y
  }
  let dx = x.gradient
  return recorded(
    shape: x.shape, buffer: try apply(x.buffer), inputs: [x], again: { try apply(input()) }
  ) { dy in
    let input = try input()
    let contribution = try Buffer(count: count, element: type)
    Profile.measure("\(name), gradient", part: part, bytes: Double(3 * input.bytes)) {
      parallelElements(count) { range in
        let first = range.lowerBound
        gradient(range.count, input.address(first), dy.address(first), contribution.address(first), type.code)
      }
    }
    try dx?.add(contribution)
  }
}
