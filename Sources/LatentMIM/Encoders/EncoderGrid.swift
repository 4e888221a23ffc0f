import Compute
import Tensors

extension Encoder {
  /// The grid of patches of images of a size: whatever computes or says one asks here.
  ///
  /// - Parameters:
  ///   - height, width: of the images in pixels; P + whole strides.
  ///   - stride: pixels from a patch to the next, 1 … P: patches overlap where it is less than P; nil: P.
  /// - Throws: `ShapeError` where sizes do not fit (the nearest that do are named), or patches cannot overlap.
  public func grid(height: Int, width: Int, stride: Int? = nil) throws -> PatchGrid {
    let side = configuration.patchSize
    let step = try checked(stride)
    func cells(_ name: String, _ length: Int) throws -> Int {
      guard length <= Int(Int32.max) else {
        throw ShapeError("features", "\(name) is \(length), wanted at most \(Int32.max) pixels")
      }
      guard length >= side, (length - side) % step == 0 else {
        let below = length < side ? side : side + (length - side) / step * step
        let rule =
          step == side ? "not divisible by the patch size \(side)" : "not \(side) and whole strides of \(step) pixels"
        throw ShapeError("features", "\(name) is \(length), \(rule): nearest are \(below) and \(below + step)")
      }
      return (length - side) / step + 1
    }
    let (rows, columns) = (try cells("height", height), try cells("width", width))
    guard rows * columns <= Int(Int32.max) else {
      throw ShapeError("features", "images of \(height) × \(width) pixels have \(rows) × \(columns) patches: too many")
    }
    return PatchGrid(rows: rows, columns: columns, side: side, gap: step - side, height: height, width: width)
  }

  /// The nearest size that whole patches fill, in pixels; of two equally near the larger.
  ///
  /// - Parameters:
  ///   - height, width: at least 1.
  ///   - shortSide: what the shorter of the two is brought to first, the other in proportion; nil: they stay.
  ///   - stride: as in `grid`.
  /// - Throws: `ShapeError`.
  public func nearestSize(
    height: Int, width: Int, shortSide: Int? = nil, stride: Int? = nil
  ) throws -> (height: Int, width: Int) {
    let (side, step) = (configuration.patchSize, try checked(stride))
    for (name, value) in [("height", height), ("width", width), ("short_side", shortSide ?? 1)] {
      guard 1...Int(Int32.max) ~= value else {
        throw ShapeError("nearest size", "\(name) is \(value), wanted 1 … \(Int32.max)")
      }
    }
    func nearest(_ name: String, _ length: Int) throws -> Int {
      let scaled = shortSide.map { Double($0) * Double(length) / Double(min(height, width)) } ?? Double(length)
      let steps = max(0, ((scaled - Double(side)) / Double(step) + 0.5).rounded(.down))
      let found = side + Int(steps) * step
      guard found <= Int(Int32.max) else {
        throw ShapeError("nearest size", "\(name) becomes \(found), wanted at most \(Int32.max) pixels")
      }
      return found
    }
    return (try nearest("height", height), try nearest("width", width))
  }

  /// Pixels from a patch to the next.
  private func checked(_ stride: Int?) throws -> Int {
    let side = configuration.patchSize
    guard let stride, stride != side else { return side }
    guard 1..<side ~= stride else {
      throw ShapeError("features", "stride is \(stride), wanted 1 … \(side), the patch size")
    }
    if pretrained?.relative != nil {
      throw ShapeError(
        "features",
        "stride is \(stride), but this \(family) encoder has relative position bias, which is known for whole patches' "
          + "distances only: wanted \(side), the patch size; larger images give denser maps, too")
    }
    return stride
  }

  /// The grid of images [B, H, W, channels].
  func grid(of images: Tensor, stride: Int? = nil) throws -> PatchGrid {
    guard images.shape.count == 4, images.shape[3] == configuration.channels else {
      throw ShapeError("features", "images have shape \(images.shape), wanted [B, H, W, \(configuration.channels)]")
    }
    return try grid(height: images.shape[1], width: images.shape[2], stride: stride)
  }
}
