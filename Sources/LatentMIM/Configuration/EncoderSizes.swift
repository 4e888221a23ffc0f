import Compute
import Files

/// The encoders that have a name: width, depth, heads, and the patch and grid they are used with (224 pixels).
struct EncoderSize {
  let name: String
  let width: Int
  let depth: Int
  let heads: Int
  var patch = 16
  var grid = 14

  static let all = [
    EncoderSize(name: "vit_tiny", width: 192, depth: 12, heads: 3),
    EncoderSize(name: "vit_small", width: 384, depth: 12, heads: 6),
    EncoderSize(name: "vit_base", width: 768, depth: 12, heads: 12),
    EncoderSize(name: "vit_large", width: 1024, depth: 24, heads: 16),
    EncoderSize(name: "vit_huge", width: 1280, depth: 32, heads: 16, patch: 14, grid: 16),
  ]
}

extension ModelConfiguration {
  /// Takes over the sizes of a named encoder.
  ///
  /// - Throws: `ConfigurationError` listing the names there are.
  mutating func setSize(_ name: String) throws {
    guard let size = EncoderSize.all.first(where: { $0.name == name }) else {
      throw ConfigurationError("size", "is \(quoted([name])), wanted \(oneOf(EncoderSize.all.map(\.name)))")
    }
    (width, depth, heads) = (size.width, size.depth, size.heads)
    (patchSize, rows, columns) = (size.patch, size.grid, size.grid)
  }
}
