import Files
import Tensors

func positionTableName(_ network: String) -> String { "\(network).pos_embed.pos_embeds" }

func isPositionTable(_ name: String) -> Bool { name.hasSuffix(".pos_embed.pos_embeds") }

extension ModelConfiguration {
  func width(of network: String) -> Int { network == "decoder" ? decoderWidth : width }

  /// The fixed position tables of networks; trained ones are among the parameters.
  func positionTables(of networks: [String]) throws -> [(name: String, tensor: Tensor)] {
    guard !learnPositions else { return [] }
    return try networks.map { (positionTableName($0), try publishedPositions(width: width(of: $0))) }
  }

  /// Adds the fixed position tables of networks.
  func addPositions(of networks: [String], to writer: inout SafetensorsWriter) throws {
    for (name, table) in try positionTables(of: networks) {
      try writer.add(name, shape: table.shape, values: table.values)
    }
  }

  /// The position table as the published checkpoint stores it: [L + 1, C], the class token's row of zeros first.
  func publishedPositions(width: Int) throws -> Tensor {
    let table = try positionTable.table(width: width)
    return try Tensor(
      shape: [numPatches + 1, width], values: [Float](repeating: 0, count: width) + table.values)
  }
}

extension WeightReader {
  /// Largest difference of a stored position from the computed one that rounding explains.
  private static let tolerance: Float = 1e-4

  /// What is to be said of the stored position table, which is not used: positions are computed.
  func remarkOnPositions(of network: String, _ configuration: ModelConfiguration, width: Int) throws -> String? {
    let name = positionTableName(network)
    guard let shape = try shape(of: name) else { return nil }
    let computed = try configuration.publishedPositions(width: width)
    guard shape == computed.shape, let stored = try values(name) else {
      return "\(title): \(name) has shape \(shape), \(computed.shape) is computed for this grid and used"
    }
    let difference = zip(stored, computed.values).map { abs($0 - $1) }.max() ?? 0
    guard difference > Self.tolerance else { return nil }
    return "\(title): \(name) differs from the computed positions by up to \(difference); the computed ones are used"
  }
}
