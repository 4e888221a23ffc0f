import Tensors

/// The positions of a grid's cells: a fixed table, or one that starts there and is trained.
public final class PositionEmbedding: Layer {
  /// [L, C], constant: what a trained table starts as.
  let fixed: Tensor
  /// [L + 1, C], the class token's row first; nil where positions are fixed and the class token has none.
  public let learned: Parameter?

  /// - Parameters:
  ///   - table: [L, C].
  ///   - isLearned: whether it is trained.
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public init(_ table: Tensor, isLearned: Bool) throws {
    fixed = table
    let (cells, width) = (table.shape[0], table.shape[1])
    learned =
      isLearned
      ? try Parameter([cells + 1, width], .values([Float](repeating: 0, count: width) + table.values)) : nil
  }

  public var members: [Member] { learned.map { [.parameter("pos_embeds", $0)] } ?? [] }

  /// The positions of cells.
  ///
  /// - Parameter cells: B · K cell numbers.
  /// - Returns: [B, K, C].
  /// - Throws: `ShapeError`, `OutOfMemory`.
  public func callAsFunction(_ cells: [Int32], images: Int) throws -> Tensor {
    guard let learned else { return try gatherRows(fixed, indices: cells, images: images) }
    return try gatherRows(learned.tensor, indices: cells.map { $0 + 1 }, images: images)
  }

  /// The position of the class token, [1, 1, C]; nil where it has none.
  func ofClassToken() throws -> Tensor? {
    try learned.map { try gatherRows($0.tensor, indices: [0], images: 1) }
  }

  /// A class token [1, 1, C] with its position.
  func placed(_ token: Tensor) throws -> Tensor { try ofClassToken().map { try add(token, $0) } ?? token }
}
