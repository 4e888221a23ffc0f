import Tensors

/// The sizes of a decoder.
public struct DecoderShape: Sendable, Equatable {
  /// C, the width of what it reads.
  public var encoderWidth: Int
  /// The width of what it predicts.
  public var targetWidth: Int
  /// D, its own width.
  public var width: Int
  public var depth: Int
  public var heads: Int
  public var mlpRatio: Double
  /// Whether a class token stands first among the tokens it reads.
  public var readsClassToken = true

  public init(
    encoderWidth: Int, targetWidth: Int? = nil, width: Int, depth: Int, heads: Int, mlpRatio: Double = 4
  ) {
    self.encoderWidth = encoderWidth
    self.targetWidth = targetWidth ?? encoderWidth
    self.width = width
    self.depth = depth
    self.heads = heads
    self.mlpRatio = mlpRatio
  }
}

extension DecoderShape {
  /// Hidden width of the blocks' MLPs.
  var hidden: Int { Int((Double(width) * mlpRatio).rounded()) }
  /// Tokens in front of the visible ones.
  var leadingTokens: Int { readsClassToken ? 1 : 0 }
}

/// What predicts the targets of masked patches from the tokens of an online encoder.
public protocol Decoder: Layer {
  /// Whether it reads the encoder's tokens of the target patches (mask tokens went in there) in place of those of the
  /// visible ones.
  var readsTargetTokens: Bool { get }

  /// - Parameters:
  ///   - tokens: [B, V + 1, C], class token first where there is one; [B, T, C] where it reads target tokens.
  ///   - visible: B · V cell numbers.
  ///   - target: B · T cell numbers.
  /// - Returns: predictions [B, T, target width].
  /// - Throws: `ShapeError`, `OutOfMemory`, `Interrupted`.
  func callAsFunction(_ tokens: Tensor, visible: [Int32], target: [Int32]) throws -> Tensor
}

/// One linear layer on the tokens that stand for the masked patches.
public final class LinearDecoder: Decoder {
  let head: Linear

  /// - Throws: `OutOfMemory`.
  public init(_ shape: DecoderShape) throws { head = try Linear(shape.encoderWidth, shape.targetWidth) }

  public let readsTargetTokens = true
  public var members: [Member] { [.layer("head", head)] }

  public func callAsFunction(_ tokens: Tensor, visible: [Int32], target: [Int32]) throws -> Tensor { try head(tokens) }
}
