import Compute
import Tensors

/// Crops as a teacher sees them: a cell of the grid, gap included, becomes one of its patches, and pixels are
/// normalised as it wants them.
struct TeacherView {
  private let rows: ResizedAxis
  private let columns: ResizedAxis
  /// What normalised pixels become, channel by channel.
  private let scale: [Float]
  private let shift: [Float]
  private let isSame: Bool

  init(_ configuration: ModelConfiguration, _ teacher: ModelConfiguration) {
    func axis(_ cells: Int) -> ResizedAxis {
      let (inputs, outputs) = (cells * configuration.cellSide, cells * teacher.patchSize)
      return ResizedAxis(.bicubic(inputs: inputs, outputs: outputs, antialias: true))
    }
    (rows, columns) = (axis(configuration.trainingRows), axis(configuration.trainingColumns))
    scale = zip(configuration.std, teacher.std).map { Float($0 / $1) }
    shift = zip(configuration.mean, zip(teacher.mean, teacher.std)).map { Float(($0 - $1.0) / $1.1) }
    let isCut = (configuration.cropHeight, configuration.cropWidth) != (rows.inputs, columns.inputs)
    isSame =
      !isCut && configuration.cellSide == teacher.patchSize && configuration.mean == teacher.mean
      && configuration.std == teacher.std
  }

  /// - Parameter images: [B, H, W, channels], normalised for the model.
  /// - Returns: the same as the teacher wants them, [B, rows · patch, columns · patch, channels].
  /// - Throws: `OutOfMemory`.
  func callAsFunction(_ images: Tensor) throws -> Tensor {
    if isSame { return images }
    let (batch, stride, channels) = (images.shape[0], images.shape[2] * images.shape[3], images.shape[3])
    let size = (given: images.shape[1] * stride, made: rows.outputs * columns.outputs * channels)
    let line = columns.outputs * channels
    let result = try Buffer(count: batch * size.made)
    let narrow = try Buffer(count: batch * rows.inputs * line)
    parallelRows(batch, cost: size.given) { range in
      for image in range {
        let (source, between) = (images.pointer + image * size.given, narrow.pointer + image * rows.inputs * line)
        for row in 0..<rows.inputs {
          columns.apply(to: source + row * stride, into: between + row * line, width: channels)
        }
        let place = result.pointer + image * size.made
        rows.apply(to: between, into: place, width: line)
        for index in 0..<size.made { place[index] = place[index] * scale[index % channels] + shift[index % channels] }
      }
    }
    return try Tensor(shape: [batch, rows.outputs, columns.outputs, channels], buffer: result)
  }
}

/// A linear map along an axis whose outputs read few inputs each.
private struct ResizedAxis {
  let inputs: Int
  let outputs: Int
  /// For each output the inputs it reads, from first to last, and all their weights in a row.
  private let first: [Int]
  private let starts: [Int]
  private let weights: [Float]

  init(_ map: AxisMap) {
    (inputs, outputs) = (map.inputs, map.outputs)
    let rows = (0..<map.outputs).map { map.weights[$0 * map.inputs..<($0 + 1) * map.inputs] }
    let used = rows.map { row in
      let places = row.indices.filter { row[$0] != 0 }
      return (places.first ?? row.startIndex)..<(places.last ?? row.startIndex - 1) + 1
    }
    first = zip(rows, used).map { $1.lowerBound - $0.startIndex }
    starts = used.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    weights = used.flatMap { map.weights[$0] }
  }

  /// - Parameters:
  ///   - source: `inputs` lines of `width` numbers.
  ///   - place: takes `outputs` of them.
  func apply(to source: UnsafePointer<Float>, into place: UnsafeMutablePointer<Float>, width: Int) {
    for output in 0..<outputs {
      let line = place + output * width
      line.update(repeating: 0, count: width)
      for (step, weight) in weights[starts[output]..<starts[output + 1]].enumerated() {
        let input = source + (first[output] + step) * width
        for channel in 0..<width { line[channel] += weight * input[channel] }
      }
    }
  }
}
