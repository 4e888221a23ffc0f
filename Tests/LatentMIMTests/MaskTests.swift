import Files
import Testing

@testable import LatentMIM

@Suite struct MaskTests {
  private func configuration(_ preset: Preset, grid: (Int, Int) = (14, 14)) throws -> ModelConfiguration {
    var configuration = ModelConfiguration(preset: preset)
    (configuration.rows, configuration.columns) = grid
    configuration.setVisible(maskRatio: preset.maskRatio)
    return configuration
  }

  private func cells(_ values: [Int32], _ image: Int, of count: Int) -> [Int] {
    values[image * count..<(image + 1) * count].map { Int($0) }
  }

  @Test func publishedSizes() throws {
    #expect(ModelConfiguration(preset: .mae).numVisible == 49)
    #expect(ModelConfiguration(preset: .simmim).numTarget == 30 * 4)
    #expect(ModelConfiguration(preset: .maskfeat).numTarget == 78)
    #expect(ModelConfiguration(preset: .data2vec).numTarget == 120)
    #expect(ModelConfiguration(preset: .conmim).numTarget == 37 * 4)
    for preset in Preset.allCases { try ModelConfiguration(preset: preset).validate() }
  }

  @Test func squaresAreWhole() throws {
    let configuration = try configuration(.simmim, grid: (6, 10))
    let views = try Views.sample(configuration, seed: 3, images: Array(0..<20))
    for image in 0..<20 {
      let masked = Set(cells(views.target, image, of: views.numTarget))
      let squares = Set(masked.map { $0 / 10 / 2 * 5 + $0 % 10 / 2 })
      #expect(masked.count == configuration.numTarget && squares.count * 4 == masked.count)
    }
    #expect(Set((0..<20).map { cells(views.target, $0, of: views.numTarget) }).count == 20)
  }

  /// More neighbours share a fate than with independent draws: that is what blocks are for.
  @Test(arguments: [(14, 14), (8, 8), (5, 9)])
  func blockWiseMasksAreExactAndHangTogether(grid: (Int, Int)) throws {
    let configuration = try configuration(.maskfeat, grid: grid)
    let views = try Views.sample(configuration, seed: 3, images: Array(0..<50))
    var (equal, pairs) = (0, 0)
    for image in 0..<50 {
      let masked = cells(views.target, image, of: views.numTarget)
      let visible = cells(views.visible, image, of: views.numVisible)
      #expect((masked + visible).sorted() == Array(0..<grid.0 * grid.1))
      let set = Set(masked)
      for cell in 0..<grid.0 * grid.1 where cell % grid.1 > 0 {
        pairs += 1
        equal += set.contains(cell) == set.contains(cell - 1) ? 1 : 0
      }
    }
    // Independent draws would agree with probability .4² + .6² = .52.
    #expect(Double(equal) / Double(pairs) > 0.65)
  }

  @Test func multiBlockMasksAreFourBlocksAndAContext() throws {
    let configuration = try configuration(.ijepa)
    var sizes: Set<Int> = []
    for batch in 0..<8 {
      let views = try Views.sample(configuration, seed: 3, images: [batch, batch + 100])
      #expect(views.targetBlocks == 4 && views.numTarget % 4 == 0 && views.numVisible >= 10)
      let size = views.numTarget / 4
      sizes.insert(size)
      // 15 – 20 % of 196, each side rounded.
      #expect((22...48).contains(size))
      for image in 0..<2 {
        let targets = cells(views.target, image, of: views.numTarget)
        #expect(Set(targets).isDisjoint(with: cells(views.visible, image, of: views.numVisible)))
        for block in 0..<4 {
          let own = targets[block * size..<(block + 1) * size]
          let (rows, columns) = (Set(own.map { $0 / 14 }), Set(own.map { $0 % 14 }))
          #expect(Set(own).count == size && rows.count * columns.count == size)
          #expect(rows.max().map { $0 - (rows.min() ?? 0) + 1 } == rows.count)
        }
      }
      try views.validate(configuration)
    }
    #expect(sizes.count > 1)
  }

  @Test func viewsOfBlocksAreChecked() throws {
    let configuration = try configuration(.ijepa)
    var views = try Views.sample(configuration, seed: 3, images: [0])
    views.targetBlocks = 3
    views.target = Array(views.target.prefix(4))
    #expect(throws: ViewsError.blocks(3, targets: 4)) { try views.validate(configuration) }
    views = try Views.sample(configuration, seed: 3, images: [0])
    views.target[1] = views.target[0]
    #expect(throws: ViewsError.repeated(Int(views.target[0]), image: 0)) { try views.validate(configuration) }
  }

  @Test func aFixedCropShrinksTheGrid() throws {
    var configuration = ModelConfiguration()
    configuration.cropRule = .fixed
    configuration.setVisible(maskRatio: 0.9)
    // 224 pixels hold 11 cells of 20.
    #expect(configuration.cropHeight == 224 && configuration.trainingRows == 11 && configuration.numPatches == 121)
    #expect(configuration.numVisible == 12 && configuration.imageHeight == 224)
  }
}

@Suite struct CombinationTests {
  @Test(arguments: [
    (#"{"decoder": "self_attention", "visual_cues": true}"#, "visual_cues is true with decoder = 'self_attention'"),
    (#"{"decoder": "linear"}"#, "decoder is 'linear' with masked_input = 'removed'"),
    (#"{"target_depth": 13}"#, "target_depth is 13, the encoder has 12 blocks"),
    (#"{"target_depth": 0, "target_encoder": "joint"}"#, "target_encoder is 'joint' with target_depth = 0"),
    (#"{"target_depth": 0, "target_sees": "all"}"#, "target_sees is 'all' with target_depth = 0"),
    (#"{"target_depth": 0, "target_view": "recolored"}"#, "target_view is 'recolored' with target_depth = 0"),
    (#"{"low_level_target": "hog", "patch_size": 12}"#, "patch_size is 12, wanted a multiple of 8"),
    (#"{"low_level_target": "hog", "target_depth": 3}"#, "low_level_target is 'hog' with latent targets"),
    (#"{"target_layers": 13}"#, "target_layers is 13"),
    (#"{"negatives": "all"}"#, "negatives is 'all' with target_sees = 'target'"),
    (#"{"objective": "mse", "negatives": "all"}"#, "negatives is 'all' with objective = 'mse'"),
    (#"{"objective": "l1", "false_negative_threshold": 0.5}"#, "false_negative_threshold is 0.5 with objective = 'l1'"),
    (#"{"mask": "multi_block"}"#, "target_sees is 'target' with mask = 'multi_block'"),
    (#"{"mask": "multi_block", "target_sees": "all"}"#, "negatives is 'target' with mask = 'multi_block'"),
    (#"{"mask": "multi_block", "masked_input": "token"}"#, "masked_input is 'token' with mask = 'multi_block'"),
    (#"{"mask": "multi_block", "grid": 5}"#, "wanted at least 6 × 6 cells"),
    (#"{"mask_block": 3}"#, "mask_block is 3, which does not divide the grid [14, 14]"),
    (#"{"mask_block": 2, "num_visible": 21}"#, "num_visible is 21, wanted a multiple of mask_block² = 4"),
    (#"{"mask": "block_wise", "mask_block": 2}"#, "mask_block is 2 with mask = 'block_wise'"),
    (#"{"contrast_coefficient": 1, "target_encoder": "siamese"}"#, "contrast_coefficient is 1.0 without the output"),
    (#"{"target_depth": 1.5}"#, "target_depth"),
    (#"{"objective": "mae"}"#, "'patch_discrimination', 'normalized_mse'"),
  ])
  func areRefusedWithTheReason(_ text: String, _ part: String) throws {
    let error = try #require(throws: (any Error).self) { try ModelConfiguration(json: place(text)) }
    #expect("\(error)".contains(part), "\(error)")
  }

  @Test func whatFollowsFromOthers() throws {
    #expect(try ModelConfiguration(json: place(#"{"decoder": "self_attention"}"#)).visualCues == false)
    let hog = try ModelConfiguration(json: place(#"{"low_level_target": "hog"}"#))
    #expect(hog.targetDepth == 0 && hog.objective == .normalizedMSE)
    #expect(try ModelConfiguration(json: place(#"{"target_depth": 0, "objective": "l1"}"#)).objective == .l1)
    #expect(try ModelConfiguration(json: place(#"{"target_depth": null}"#)).targetDepth == nil)
    for preset in Preset.allCases {
      let configuration = ModelConfiguration(preset: preset)
      let text = try configuration.json.text()
      #expect(try ModelConfiguration(json: place(text)) == configuration)
      #expect(configuration.differences(from: preset).isEmpty)
    }
  }
}

private func place(_ text: String) throws -> JSONCursor {
  JSONCursor(try JSONValue(parsing: text, source: "test"), source: "test")
}
