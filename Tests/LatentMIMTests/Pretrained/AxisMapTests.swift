import TestSupport
import Testing

@testable import LatentMIM

@Suite struct AxisMapTests {
  private func applied(_ map: AxisMap, _ values: [Double]) -> [Double] {
    (0..<map.outputs).map { output in
      (0..<map.inputs).reduce(0) { $0 + Double(map.weights[output * map.inputs + $1]) * values[$1] }
    }
  }

  private static let maps: [(AxisMap, String)] = [
    (.bicubic(inputs: 14, outputs: 9, antialias: true), "shorter, antialiased"),
    (.bicubic(inputs: 14, outputs: 9, antialias: false), "shorter"),
    (.bicubic(inputs: 5, outputs: 12, antialias: true), "longer, antialiased"),
    (.bicubic(inputs: 5, outputs: 12, antialias: false), "longer"),
    (.bicubic(inputs: 1, outputs: 4, antialias: false), "of one"),
    (.relative(inputs: 7, outputs: 10), "distances, longer"), (.relative(inputs: 7, outputs: 3), "distances, shorter"),
    (.relative(inputs: 1, outputs: 3), "distances of one"), (.relative(inputs: 2, outputs: 4), "distances of two"),
  ]

  /// Numbers that are all alike stay so, and a reversed axis gives the reverse.
  @Test(arguments: maps.indices)
  func constantsAndSymmetry(_ index: Int) {
    let (map, what) = Self.maps[index]
    let tolerance = roundingError(terms: map.inputs, magnitude: 2)
    expectClose(
      applied(map, Array(repeating: 1, count: map.inputs)), Array(repeating: 1, count: map.outputs),
      absolute: tolerance, what)
    let values = (0..<map.inputs).map { Double(($0 * 7) % 5) / 4 - 0.5 }
    let there = applied(map, values)
    expectClose(applied(map, values.reversed()), there.reversed(), absolute: tolerance, what)
    #expect(map.inputs == 1 || Set(there.map { ($0 * 1000).rounded() }).count > 1, "\(what)")
  }

  @Test func sameLengthChangesNothing() {
    for map in [
      AxisMap.bicubic(inputs: 6, outputs: 6, antialias: false), .bicubic(inputs: 6, outputs: 6, antialias: true),
    ] {
      #expect(map == .identity(6))
    }
    #expect(AxisMap.relative(inputs: 4, outputs: 4) == .identity(7))
  }

  /// Two cells become four. Output 1 lies a quarter behind cell 0: cells −1, 0, 1 and 2 have the weights −0.10546875,
  /// 0.87890625, 0.26171875 and −0.03515625 (a = −¾), and the outer two are the border's.
  @Test func doubledByHand() {
    let weights = AxisMap.bicubic(inputs: 2, outputs: 4, antialias: false).weights
    #expect(Array(weights[2..<4]) == [0.87890625 - 0.10546875, 0.26171875 - 0.03515625])
  }
}
