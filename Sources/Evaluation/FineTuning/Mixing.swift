import Compute
import Images
import Tensors

/// How the images of a batch are mixed, each with its partner in the reversed batch (timm's "batch" mode).
enum Mixing: Equatable {
  case none
  /// share·image + (1 − share)·partner (Zhang et al. 2018).
  case mixup(share: Float)
  /// The box is the partner's (Yun et al. 2019).
  case cutmix(PixelRectangle, share: Float)

  /// The share of an image's own label.
  var share: Float {
    switch self {
    case .none: 1
    case .mixup(let share), .cutmix(_, let share): share
    }
  }

  /// Draws for one batch.
  ///
  /// - Parameters:
  ///   - mixup, cutmix: α of the shares' Beta(α, α) distributions; 0: not this way.
  ///   - switchProbability: of cutmix where there are both.
  init(
    mixup: Double, cutmix: Double, switchProbability: Double, height: Int, width: Int, _ random: RandomStream
  ) {
    guard mixup > 0 || cutmix > 0 else {
      self = .none
      return
    }
    let words = random.words(at: 0)
    let cuts = mixup > 0 && cutmix > 0 ? uniform(words.0) < switchProbability : cutmix > 0
    let share = random.beta(cuts ? cutmix : mixup, from: 1)
    guard cuts else {
      self = .mixup(share: Float(share))
      return
    }
    self = .cut(
      share: share,
      centre: (choice(words.1, of: height), choice(words.2, of: width)),
      height: height, width: width)
  }

  /// The box about a centre (row, column) that leaves `share` of the area, cut to the image; the share is corrected by
  /// what was cut.
  static func cut(share: Double, centre: (Int, Int), height: Int, width: Int) -> Mixing {
    let ratio = (1 - share).squareRoot()
    func span(_ side: Int, _ centre: Int) -> Range<Int> {
      let length = Int(Double(side) * ratio)
      return min(max(centre - length / 2, 0), side)..<min(max(centre + (length + 1) / 2, 0), side)
    }
    let (rows, columns) = (span(height, centre.0), span(width, centre.1))
    let area = Double(rows.count * columns.count)
    return .cutmix(
      PixelRectangle(top: rows.lowerBound, left: columns.lowerBound, height: rows.count, width: columns.count),
      share: Float(1 - area / Double(height * width)))
  }

  /// Mixes images [B, H, W, channels] in place.
  func apply(to images: UnsafeMutablePointer<Float>, shape: [Int]) {
    let (count, width, channels) = (shape[0], shape[2], shape[3])
    let size = shape[1] * width * channels
    parallelRows(count / 2, cost: 2 * size) { range in
      for index in range {
        let (a, b) = (images + index * size, images + (count - 1 - index) * size)
        switch self {
        case .none: break
        case .mixup(let share):
          for place in 0..<size {
            (a[place], b[place]) = (
              share * a[place] + (1 - share) * b[place], share * b[place] + (1 - share) * a[place]
            )
          }
        case .cutmix(let box, _):
          for row in box.top..<(box.top + box.height) {
            let first = (row * width + box.left) * channels
            for place in first..<(first + box.width * channels) { (a[place], b[place]) = (b[place], a[place]) }
          }
        }
      }
    }
  }

  /// Soft targets [B, classes]: labels smoothed, then mixed as the images are.
  ///
  /// - Throws: `OutOfMemory`.
  func targets(_ labels: [Int], classes: Int, smoothing: Double) throws -> Tensor {
    let rest = Float(smoothing) / Float(classes)
    let targets = try Buffer(count: labels.count * classes, repeating: rest)
    for (row, label) in labels.enumerated() {
      targets.pointer[row * classes + label] += share * (1 - Float(smoothing))
      targets.pointer[row * classes + labels[labels.count - 1 - row]] += (1 - share) * (1 - Float(smoothing))
    }
    return try Tensor(shape: [labels.count, classes], buffer: targets)
  }
}
