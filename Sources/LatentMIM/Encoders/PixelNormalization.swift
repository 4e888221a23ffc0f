import Compute
import Images
import Tensors

/// Pixels brought to what a model expects: (x − mean)/std, channel by channel.
///
/// - Parameters:
///   - pixels: [B, H, W, channels] in 0 … 1.
/// - Throws: `ShapeError`, `OutOfMemory`.
public func normalized(_ pixels: Tensor, for configuration: ModelConfiguration) throws -> Tensor {
  let channels = configuration.channels
  guard pixels.shape.last == channels else {
    throw ShapeError("normalized", "pixels have shape \(pixels.shape), wanted \(channels) channels last")
  }
  let result = try Buffer(count: pixels.count)
  let scale = configuration.std.map { Float(1 / $0) }
  let shift = zip(configuration.mean, configuration.std).map { Float(-$0 / $1) }
  parallelRows(pixels.count / channels, cost: channels) { range in
    for pixel in range {
      for channel in 0..<channels {
        let index = pixel * channels + channel
        result.pointer[index] = pixels.pointer[index] * scale[channel] + shift[channel]
      }
    }
  }
  return try Tensor(shape: pixels.shape, buffer: result)
}

extension Encoder {
  /// Images at their own size as this encoder wants them, [count, height, width, channels].
  ///
  /// - Parameter operation: what they are for, as messages name it.
  /// - Throws: `ArgumentError` where they have other channels, `OutOfMemory`, `Interrupted`.
  public func normalized(_ images: ImageArrays, for operation: String) throws -> Tensor {
    guard images.channels == configuration.channels else {
      throw ArgumentError(
        "\(operation): images have \(images.channels) channels, the encoder wants \(configuration.channels)")
    }
    let shape = [images.count, images.height, images.width, images.channels]
    let buffer = try Buffer(count: shape.reduce(1, *))
    try images.resample(
      height: images.height, width: images.width, configuration.normalization(), into: buffer.pointer)
    return try Tensor(shape: shape, buffer: buffer)
  }
}
