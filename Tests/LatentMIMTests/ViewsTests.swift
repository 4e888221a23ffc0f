import Testing

@testable import LatentMIM

@Suite struct ViewsTests {
  @Test func everyCellIsVisibleOrTargetOnce() throws {
    let configuration = smallConfiguration()
    let views = try Views.sample(configuration, seed: 1, images: [0, 1, 2])
    for image in 0..<3 {
      let own = views.visible[image * 6..<(image + 1) * 6] + views.target[image * 14..<(image + 1) * 14]
      #expect(own.sorted() == Array(0..<20))
    }
    #expect(views.visible[0..<6] != views.visible[6..<12])
  }

  @Test func viewsOfAnImageDependOnNothingElse() throws {
    let configuration = smallConfiguration()
    let together = try Views.sample(configuration, seed: 3, epoch: 2, images: [5, 900, 7])
    let alone = try Views.sample(configuration, seed: 3, epoch: 2, images: [900])
    #expect(Array(together.visible[6..<12]) == alone.visible)
    #expect(Array(together.offsets[40..<80]) == alone.offsets)
    #expect(try Views.sample(configuration, seed: 3, epoch: 1, images: [900]) != alone)
    #expect(try Views.sample(configuration, seed: 4, epoch: 2, images: [900]) != alone)
  }

  @Test(arguments: [
    (GapOffset.exclusive, 3, 0..<3), (.inclusive, 3, 0..<4), (.exclusive, 0, 0..<1), (.inclusive, 0, 0..<1),
  ])
  func offsetsCoverTheirRange(_ rule: GapOffset, _ gap: Int, _ range: Range<Int>) throws {
    var configuration = smallConfiguration()
    (configuration.patchGap, configuration.gapOffset) = (gap, rule)
    let views = try Views.sample(configuration, seed: 1, images: Array(0..<50))
    #expect(Set(views.offsets.map(Int.init)) == Set(range))
  }

  @Test func viewsThatDoNotFitAreNamed() throws {
    let configuration = smallConfiguration()
    let good = try Views.sample(configuration, seed: 1, images: [0, 1])
    try good.validate(configuration)
    var views = good
    views.visible[7] = views.visible[8]
    #expect(throws: ViewsError.repeated(Int(good.visible[8]), image: 1)) { try views.validate(configuration) }
    views = good
    views.target[0] = 20
    #expect(throws: ViewsError.cell(20, image: 0, cells: 20)) { try views.validate(configuration) }
    views = good
    views.offsets[3] = 3
    #expect(throws: ViewsError.offset(3, gap: 2)) { try views.validate(configuration) }
    views = good
    views.target.removeLast()
    #expect(throws: ViewsError.count(name: "target", found: 27, wanted: 28)) { try views.validate(configuration) }
  }
}
