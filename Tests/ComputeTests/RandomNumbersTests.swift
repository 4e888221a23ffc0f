import TestSupport
import Testing

@testable import Compute

@Suite struct RandomNumbersTests {
  typealias Words = (UInt32, UInt32, UInt32, UInt32)

  /// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
  @Test func knownAnswers() {
    func check(_ counter: Words, _ key: (UInt32, UInt32), _ expected: Words) {
      #expect(philox(counter: counter, key: key) == expected)
    }
    let ones = UInt32.max
    check((0, 0, 0, 0), (0, 0), (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    check((ones, ones, ones, ones), (ones, ones), (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    check(
      (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0),
      (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func everyPartOfTheKeyCounts() {
    let base = RandomStream(seed: 1, purpose: .crop, epoch: 2, item: 3)
    let others = [
      RandomStream(seed: 2, purpose: .crop, epoch: 2, item: 3),
      RandomStream(seed: 1 + 1 << 32, purpose: .crop, epoch: 2, item: 3),
      RandomStream(seed: 1, purpose: .views, epoch: 2, item: 3),
      RandomStream(seed: 1, purpose: .crop, epoch: 3, item: 3),
      RandomStream(seed: 1, purpose: .crop, epoch: 2, item: 4),
    ]
    #expect(base.words(at: 5) == RandomStream(seed: 1, purpose: .crop, epoch: 2, item: 3).words(at: 5))
    #expect(base.words(at: 5) != base.words(at: 6))
    for other in others { #expect(other.words(at: 5) != base.words(at: 5)) }
  }

  /// Sixteen bins of 16000 draws: χ² with 15 degrees of freedom is above 44.3 once in 10⁴ times.
  func expectEven(_ counts: [Int], sourceLocation: SourceLocation = #_sourceLocation) {
    let expected = Double(counts.reduce(0, +)) / Double(counts.count)
    let statistic = counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    #expect(statistic < 44.3, "\(counts)", sourceLocation: sourceLocation)
  }

  @Test func uniformNumbers() {
    let stream = RandomStream(seed: 7, purpose: .views)
    var counts = [Int](repeating: 0, count: 16)
    for position in 0..<16000 {
      let draw = stream.uniform(at: position)
      #expect(draw >= 0 && draw < 1)
      counts[Int(draw * 16)] += 1
    }
    expectEven(counts)
  }

  @Test func integersBelowABound() {
    let stream = RandomStream(seed: 7, purpose: .shuffle)
    var counts = [Int](repeating: 0, count: 16)
    for position in 0..<16000 { counts[stream.integer(below: 16, at: position)] += 1 }
    expectEven(counts)
    #expect((0..<100).allSatisfy { stream.integer(below: 1, at: $0) == 0 })
    #expect((0..<100).allSatisfy { (0..<Int.max).contains(stream.integer(below: .max, at: $0)) })
  }

  @Test(arguments: [0, 1, 2, 3, 17, 177])
  func permutationsHoldEveryNumberOnce(count: Int) {
    for item in 0..<10 {
      let order = RandomStream(seed: 3, purpose: .shuffle, item: item).permutation(of: count)
      #expect(order.sorted() == Array(0..<count))
    }
  }

  /// Every number comes to every place equally often.
  @Test func permutationsAreUniform() {
    var places = [[Int]](repeating: [Int](repeating: 0, count: 16), count: 16)
    for item in 0..<16000 {
      let order = RandomStream(seed: 3, purpose: .shuffle, item: item).permutation(of: 16)
      for (place, number) in order.enumerated() { places[place][number] += 1 }
    }
    for counts in places { expectEven(counts) }
  }
}
