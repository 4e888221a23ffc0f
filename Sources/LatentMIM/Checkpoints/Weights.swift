import Files
import Compute
import Networks
import Tensors

extension LatentMIMModel {
  /// Takes over weights by name.
  ///
  /// - Parameters:
  ///   - source: holds every parameter of the model, under the published names.
  ///   - title: what messages call the source: the file's name.
  /// - Returns: remarks on what was noticed and put right, such as position tables that differ from the computed ones.
  /// - Throws: `WeightsError`; the model is unchanged then.
  @discardableResult
  public func load(_ source: any TensorSource, title: String) throws -> [String] {
    let reader = WeightReader(source, title: title)
    try reader.fill(parameters.map(\.place)) { isPositionTable($0) || isTrainingState($0) }
    guard !configuration.learnPositions else { return [] }
    return try ["encoder", "target_encoder", "decoder"].compactMap { network in
      try reader.remarkOnPositions(of: network, configuration, width: configuration.width(of: network))
    }
  }

  /// The weights and position tables, ready to be written.
  func addWeights(to writer: inout SafetensorsWriter) throws {
    for named in parameters {
      try writer.add(named.name, shape: named.parameter.shape, values: named.parameter.tensor.buffer.values)
    }
    let target = targetEncoder == nil ? [] : ["target_encoder"]
    let decoder = configuration.decoder == .linear ? [] : ["decoder"]
    try configuration.addPositions(of: ["encoder"] + target + decoder, to: &writer)
  }
}

/// Whether a tensor belongs to the optimiser.
func isTrainingState(_ name: String) -> Bool { name.hasPrefix("optimizer.") }
