import Compute
import Files
import LatentMIM
import Tensors

/// How vectors of images lie behind a layer. No rank says anything where `similarity` is near 1.
public struct LayerRanks: Sendable, Equatable {
  /// 0 (the embedded patches) … depth; nil for vectors from elsewhere.
  public let layer: Int?
  /// RankMe, of vectors as they are.
  public let rankMe: Double
  /// Of centred vectors, at most images − 1.
  public let effectiveRank: Double
  /// α-ReQ; nan where there are too few directions to fit a line.
  public let alpha: Double
  /// Mean cosine between different images.
  public let similarity: Double
  /// The most that `effectiveRank` could be.
  let most: Int

  /// - Parameter vectors: [images, C], at least two images.
  /// - Throws: `OutOfMemory`.
  init(layer: Int?, _ vectors: Tensor) throws {
    self.layer = layer
    let (plain, centred) = (try Spectrum(vectors, isCentred: false), try Spectrum(vectors, isCentred: true))
    (rankMe, effectiveRank) = (plain?.rankMe ?? .nan, centred?.effectiveRank ?? .nan)
    (alpha, similarity) = (centred?.decay ?? .nan, try rowSimilarity(vectors))
    most = min(vectors.shape[0] - 1, vectors.shape[1])
  }

  /// Whether the images look alike, or all lie on a line: a rank is that of noise then.
  public var isCollapsed: Bool {
    !(similarity <= collapsedSimilarity) || !(effectiveRank >= 2) && most >= 2
  }

  fileprivate var cells: [String] {
    [
      layer.map { "\($0)" } ?? "–", "\(tenths(rankMe))", "\(tenths(effectiveRank))", hundredths(alpha),
      thousandths(similarity),
    ]
  }

  fileprivate var json: JSONValue {
    [
      "layer": layer.map { .integer($0) } ?? .null, "rankme": number(rankMe), "effective_rank": number(effectiveRank),
      "alpha": number(alpha), "similarity": number(similarity), "is_collapsed": .bool(isCollapsed),
    ]
  }
}

/// What features say of an encoder without labels.
public struct WithoutLabelsReport: Sendable {
  public let options: WithoutLabels
  /// Where the features come from; of several layers the last.
  public let tap: String
  /// How many images were looked at.
  public let images: Int
  /// Numbers in a vector.
  public let width: Int
  /// In the order asked for, at least one.
  public let layers: [LayerRanks]
  /// Behind the last of them; nil where there are no views.
  public let lidar: Double?

  /// What all scores are of.
  public var last: LayerRanks { layers[layers.count - 1] }

  /// What ranks and similarity say together.
  public var verdict: String {
    let similarity = "mean cosine between images \(thousandths(last.similarity))"
    guard last.similarity <= collapsedSimilarity else {
      return "Collapsed: images look alike (\(similarity), above \(collapsedSimilarity)). "
        + "Ranks are those of the noise between them, however large."
    }
    guard !last.isCollapsed else {
      return "Collapsed: nearly all images lie on one line (effective rank \(tenths(last.effectiveRank)))."
    }
    return "Images differ (\(similarity)). Ranks compare encoders of one width on the same images, and no others: "
      + "of \(images) images \(width) wide, at most \(last.most)."
  }

  /// A table in Markdown, LiDAR and the verdict beneath.
  public var markdown: String {
    let header = ["layer", "RankMe", "effective rank", "α", "similarity"]
    let table = [header, header.map { _ in "---" }] + layers.map(\.cells)
    let crops = lidar.map { "LiDAR \(tenths($0)), of \(options.views) views of each image." }
    let images = "\(images) images; \(tap)."
    return table.map(markdownRow).joined(separator: "\n") + "\n\n"
      + [images, crops, verdict].compactMap { $0 }.joined(separator: " ")
  }

  /// Everything, for other languages.
  public var json: JSONValue {
    [
      "options": options.allOptions, "tap": .string(tap), "images": .integer(images), "width": .integer(width),
      "layers": .array(layers.map(\.json)), "lidar": lidar.map(number) ?? .null, "verdict": .string(verdict),
      "markdown": .string(markdown),
    ]
  }
}

private func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
private func tenths(_ value: Double) -> String { rounded(value, 10) }
private func hundredths(_ value: Double) -> String { rounded(value, 100) }
private func thousandths(_ value: Double) -> String { rounded(value, 1000) }
private func rounded(_ value: Double, _ parts: Double) -> String {
  value.isFinite ? "\((parts * value).rounded() / parts)" : "–"
}
