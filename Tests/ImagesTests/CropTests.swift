import Compute
import Testing

@testable import Images

@Suite struct CropTests {
  private func crops(_ crop: RandomResizedCrop, height: Int, width: Int, count: Int = 4000) -> [PixelRectangle] {
    (0..<count).map { crop.sample(height: height, width: width, RandomStream(seed: 3, purpose: .crop, item: $0)) }
  }

  @Test func areaAndRatioAreDistributedAsAsked() throws {
    let boxes = crops(try RandomResizedCrop(area: 0.1...0.5), height: 1000, width: 1000)
    let areas = boxes.map { Double($0.height * $0.width) / 1e6 }
    #expect(areas.allSatisfy { (0.099...0.501).contains($0) })
    #expect(abs(areas.reduce(0, +) / 4000 - 0.3) < 0.01)
    #expect(abs(Double(areas.count { $0 < 0.2 }) / 4000 - 0.25) < 0.03)
    let ratios = boxes.map { Double($0.width) / Double($0.height) }
    #expect(ratios.allSatisfy { (0.745...1.34).contains($0) })
    // Log-uniform: half of them below 1.
    #expect(abs(Double(ratios.count { $0 < 1 }) / 4000 - 0.5) < 0.03)
  }

  @Test func positionsCoverTheImage() throws {
    let boxes = crops(try RandomResizedCrop(area: 0.25...0.25, ratio: 1...1), height: 100, width: 200)
    #expect(boxes.allSatisfy { $0.height == 71 && $0.width == 71 })
    #expect(Set(boxes.map(\.top)) == Set(0...29))
    #expect(Set(boxes.map(\.left)) == Set(0...129))
    #expect(abs(boxes.map { Double($0.left) }.reduce(0, +) / 4000 - 64.5) < 3)
  }

  @Test func fallsBackToTheCentre() throws {
    let crop = try RandomResizedCrop(area: 0.9...1)
    #expect(
      crops(crop, height: 100, width: 1000, count: 50).allSatisfy {
        $0 == PixelRectangle(top: 0, left: 433, height: 100, width: 133)
      })
    #expect(
      crops(crop, height: 1000, width: 100, count: 50).allSatisfy {
        $0 == PixelRectangle(top: 433, left: 0, height: 133, width: 100)
      })
    let square = try RandomResizedCrop(area: 1...1, ratio: 1.2...1.3)
    #expect(crops(square, height: 20, width: 25, count: 1) == [PixelRectangle(top: 0, left: 0, height: 20, width: 25)])
    #expect(crops(crop, height: 1, width: 1, count: 1) == [PixelRectangle(top: 0, left: 0, height: 1, width: 1)])
  }

  @Test func clippingDrawsOnce() throws {
    let boxes = crops(try RandomResizedCrop(area: 0.9...1, mismatch: .clip), height: 100, width: 1000, count: 50)
    #expect(boxes.allSatisfy { $0.height == 100 && $0.width > 200 })
  }

  @Test func everyCropLiesInItsImage() throws {
    let random = RandomStream(seed: 8, purpose: .views)
    for index in 0..<2000 {
      let (height, width) = (
        1 + random.integer(below: 50, at: 2 * index), 1 + random.integer(below: 50, at: 2 * index + 1)
      )
      let box = RandomResizedCrop.standard.sample(
        height: height, width: width, RandomStream(seed: 1, purpose: .crop, item: index))
      #expect(box.top >= 0 && box.left >= 0 && box.height > 0 && box.width > 0)
      #expect(box.top + box.height <= height && box.left + box.width <= width)
    }
  }

  @Test func drawsDependOnSeedEpochAndImage() throws {
    let augmentation = try Augmentation(height: 8, width: 8)
    func draw(_ seed: UInt64, _ epoch: Int, _ index: Int) throws -> CropParameters {
      try augmentation.sample(height: 480, width: 640, seed: seed, epoch: epoch, index: index)
    }
    #expect(try draw(1, 2, 3) == draw(1, 2, 3))
    #expect(try draw(1, 2, 3) != draw(2, 2, 3))
    #expect(try draw(1, 2, 3) != draw(1, 3, 3))
    #expect(try draw(1, 2, 3) != draw(1, 2, 4))
    let flips = try (0..<2000).count { try draw(1, 0, $0).isFlipped }
    #expect(abs(flips - 1000) < 100)
    let never = try Augmentation(height: 8, width: 8, flipProbability: 0)
    #expect(try (0..<100).allSatisfy { try !never.sample(height: 9, width: 9, seed: 0, epoch: 0, index: $0).isFlipped })
  }

  @Test func augmentationIsCropResizeFlipNormalise() throws {
    let image = try picture()
    let augmentation = try Augmentation(height: 7, width: 5)
    let parameters = CropParameters(box: PixelRectangle(top: 2, left: 3, height: 20, width: 30), isFlipped: true)
    let output = try Buffer(count: 105)
    try augmentation.apply(parameters, to: .decoded(image), into: output.pointer)
    let plain = try Resampling(height: 7, width: 5, normalization: .none(channels: 3))(
      image.cropped(to: parameters.box))
    for y in 0..<7 {
      for x in 0..<5 {
        let wanted = (plain.values[(y * 5 + 4 - x) * 3 + 1] - 0.456) / 0.224
        #expect(abs(output.values[(y * 5 + x) * 3 + 1] - wanted) < 1e-5)
      }
    }
  }

  @Test func optionsAreChecked() {
    #expect(throws: ImageError.self) { try RandomResizedCrop(area: 0...1) }
    #expect(throws: ImageError.self) { try RandomResizedCrop(area: 0.5...1.5) }
    #expect(throws: ImageError.self) { try RandomResizedCrop(ratio: 0...1) }
    #expect(throws: ImageError.self) { try Augmentation(height: 0, width: 8) }
    #expect(throws: ImageError.self) { try Augmentation(height: 8, width: 8, flipProbability: .nan) }
    for (mean, deviation) in [(0, 0), (123.7, 0.5), (-0.1, 0.5), (0.5, 58), (Float.nan, 0.5), (0.5, .nan)]
      as [(Float, Float)]
    {
      #expect(throws: ImageError.self) { try Normalization(mean: [mean], std: [deviation]) }
    }
    #expect(throws: ImageError.self) { try EvaluationTransform(.centerCrop(resize: 100, crop: 101)) }
    #expect(throws: ImageError.self) {
      try Augmentation(height: 8, width: 8).sample(height: 0, width: 8, seed: 0, epoch: 0, index: 0)
    }
  }
}

extension SerialTests {
  @Suite struct EvaluationTransformTests {
    /// torchvision: 480×641 → 256×341 (int(341.87)), centre crop from row 16 and column 58 (round(58.5) = 58).
    @Test func centreCropIsTorchvisions() throws {
      let box = try #require(EvaluationTransform(.centerCrop(resize: 256, crop: 224)).box(height: 480, width: 641))
      #expect(abs(box.top - 16 * 480 / 256) < 1e-9 && abs(box.bottom - 240 * 480 / 256) < 1e-9)
      #expect(abs(box.left - 58 * 641 / 341) < 1e-9 && abs(box.right - 282 * 641 / 341) < 1e-9)
    }

    @Test func resizesThenCuts() throws {
      let image = try picture()
      let transform = try EvaluationTransform(.centerCrop(resize: 12, crop: 9), normalization: .none(channels: 3))
      let output = try Buffer(count: 9 * 9 * 3)
      try transform.apply(to: .decoded(image), into: output.pointer)
      // 29×37 → 12×15; rows from round(1.5) = 2, columns from 3.
      let whole = try Resampling(height: 12, width: 15, normalization: .none(channels: 3))(image).values
      for y in 0..<9 {
        for i in 0..<27 { #expect(abs(output.values[y * 27 + i] - whole[(y + 2) * 45 + 9 + i]) < 1e-5) }
      }
    }

    @Test func squashSeesTheWholeImage() throws {
      let image = try picture()
      let transform = try EvaluationTransform(.squash(height: 6, width: 4), interpolation: .bilinear)
      let output = try Buffer(count: 72)
      try transform.apply(to: .decoded(image), into: output.pointer)
      let wanted = try Resampling(height: 6, width: 4, interpolation: .bilinear, normalization: .imageNet)(image)
      #expect(Array(output.values) == Array(wanted.values))
    }
  }
}
