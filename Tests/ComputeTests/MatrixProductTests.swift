import CKernels
import TestSupport
import Testing

@testable import Compute

/// Products of float32 operands: OpenBLAS's and this library's own, against double precision.
@Suite struct MatrixProductTests {
  /// Every transposition of a product on every instruction set, then the bits of one, two and three threads.
  func check(_ m: Int, _ n: Int, _ k: Int, scale: Float = 1, beta: Float = 0) throws {
    for (turnA, turnB) in [(false, false), (false, true), (true, false), (true, true)] {
      let trial = try ProductTrial(m, n, k, turnA: turnA, turnB: turnB)
      let epilogue = Epilogue(alpha: scale, beta: beta)
      let expected = trial.expected(scale: scale, beta: beta)
      // Σ|a·b| of k numbers below 1 is below k; k/4 on average, and no partial sum is larger.
      let tolerance = roundingError(terms: k, magnitude: Double(abs(scale)) * Double(k) / 4 + Double(abs(beta)))
      try Machine.onEachInstructionSet { set in
        expectClose(
          try trial.run(epilogue), expected, absolute: tolerance, "\(m)×\(n)×\(k), \(turnA), \(turnB), \(set)")
      }
      try expectSameBitsForAnyThreadCount { try trial.run(epilogue) }
    }
  }

  @Test func oddSizes() throws {
    for m in [1, 3, 17, 177] {
      for n in [1, 3, 17, 177] {
        for k in [1, 3, 17, 177] { try check(m, n, k) }
      }
    }
  }

  /// One product per cut; with sizes that leave a smaller last piece.
  @Test(arguments: [(700, 17, 3), (1300, 3, 17), (17, 700, 3), (3, 1300, 17), (17, 3, 1100), (3, 17, 5000)])
  func everyCut(m: Int, n: Int, k: Int) throws {
    try check(m, n, k)
    try check(m, n, k, scale: 0.5, beta: 1)
    try check(m, n, k, scale: -2, beta: 0.25)
  }

  @Test func cutsDependOnTheSizes() {
    #expect(ProductCut(700, 17, 3) == .rows(352))
    #expect(ProductCut(17, 700, 5000) == .columns(352))
    #expect(ProductCut(17, 511, 1024) == .depth(512))
    #expect(ProductCut(17, 511, 1023) == .rows(9))
    #expect(ProductCut(1, 1, 1) == .rows(1))
    #expect(ProductCut(100_000, 100_000, 100_000) == .rows(1568))
  }

  /// Tiles of every number of rows, of half and of whole width, in one part of the depth and in several.
  @Test(arguments: [3, 70, 600])
  func edges(k: Int) throws {
    try Machine.onEachInstructionSet { set in
      for (m, n) in (1...15).flatMap({ m in [5, 16, 17, 33].map { (m, $0) } }) {
        try expectEdge(m, n, k, tolerance: roundingError(terms: k, magnitude: Double(k) / 4 + 1), .float32, "\(set)")
      }
    }
  }

  /// A weight's gradient whose right operand is too large to stay near as a whole: it is summed part by part of the
  /// depth.
  @Test func sumsByParts() throws { try check(17, 400, 4200, scale: 0.5, beta: 1) }

  /// beta = 0 means written: what was there, nan included, does not count.
  @Test(arguments: [(700, 3, 3), (3, 700, 3), (3, 3, 1100), (3, 3, 3)])
  func oldValuesDoNotCount(m: Int, n: Int, k: Int) throws {
    let a = try Buffer(count: m * k, repeating: 1)
    let b = try Buffer(count: k * n, repeating: 1)
    try Machine.onEachInstructionSet { set in
      let c = try Buffer(count: m * n, repeating: .nan)
      try parallelProduct(
        m, n, k, MatrixView(a.raw, stride: k), .view(MatrixView(b.raw, stride: n)), into: MatrixOutput(c.raw, stride: n)
      )
      #expect(c.values.allSatisfy { $0 == Float(k) }, "\(set)")
    }
  }

  @Test func emptySums() throws {
    let nothing = try Buffer(count: 0)
    let view = MatrixView(nothing.raw, stride: 3)
    try Machine.onEachInstructionSet { set in
      let c = try Buffer(count: 6, repeating: 2)
      let place = MatrixOutput(c.raw, stride: 3)
      try parallelProduct(2, 3, 0, view, .view(view), into: place, Epilogue(beta: 1))
      #expect(Array(c.values) == [2, 2, 2, 2, 2, 2], "\(set)")
      try parallelProduct(2, 3, 0, view, .view(view), into: place)
      #expect(Array(c.values) == [0, 0, 0, 0, 0, 0], "\(set)")
      try parallelProduct(0, 3, 0, view, .view(view), into: place)
      try parallelProduct(2, 0, 0, view, .view(view), into: place)
    }
  }

  /// On the caller's thread the same numbers come out.
  @Test(arguments: [(1, 1, 1), (17, 3, 177), (177, 177, 64), (177, 64, 177), (200, 33, 1100)])
  func alone(m: Int, n: Int, k: Int) throws {
    let trial = try ProductTrial(m, n, k, turnA: false, turnB: true)
    let tolerance = roundingError(terms: k, magnitude: Double(k) / 4)
    try Machine.onEachInstructionSet { set in
      expectClose(try trial.runAlone(), trial.expected(), absolute: tolerance, "\(set)")
    }
  }
}

/// A product of few rows and columns is right, and its rows have the bits that they have among more rows.
private func expectEdge(
  _ m: Int, _ n: Int, _ k: Int, tolerance: Double, _ arithmetic: Arithmetic, _ way: String
) throws {
  for turnA in [false, true] {
    let trial = try ProductTrial(m, n, k, turnA: turnA, turnB: true, rounds: arithmetic == .bfloat16)
    let values = try trial.run(Epilogue(), arithmetic: arithmetic)
    expectClose(values, trial.expected(), absolute: tolerance, "\(m)×\(n)×\(k), \(turnA), \(way)")
    guard !turnA, InstructionSet.hasOwnProducts else { continue }
    let among = try ProductTrial(28, n, k, turnA: false, turnB: true, rounds: arithmetic == .bfloat16)
    let rows = try among.run(Epilogue(), arithmetic: arithmetic)
    for row in 0..<m {
      let elements = row * trial.stride..<row * trial.stride + n
      expectSameBits(Array(values[elements]), Array(rows[elements]), "row \(row) of \(m)×\(n)×\(k), \(way)")
    }
  }
}

/// Products of operands rounded to bfloat16, in every way of computing them that the machine has.
@Suite(.enabled(if: InstructionSet.avx512bf16.isAvailable, "needs a processor with AVX512-BF16"))
struct BFloat16ProductTests {
  private func inEveryWay(_ body: (String) throws -> Void) rethrows {
    try Machine.undisturbed {
      defer { lmk_set_bfloat16_product(-1) }
      for (way, name) in [(LMK_PRODUCT_ROUNDED, "rounded"), (LMK_PRODUCT_PAIRS, "pairs"), (LMK_PRODUCT_AMX, "AMX")]
      where lmk_set_bfloat16_product(Int32(way)) != 0 {
        try body(name)
      }
    }
  }

  /// Only the set that has AMX uses it; a way chosen by hand ends with the set it was chosen for.
  @Test func theWayFollowsTheInstructionSet() {
    Machine.onEachInstructionSet { set in
      let isAMX = lmk_instruction_set() == LMK_AMX
      #expect((lmk_bfloat16_product() == LMK_PRODUCT_AMX) == isAMX, "\(set)")
      #expect((lmk_set_bfloat16_product(Int32(LMK_PRODUCT_AMX)) != 0) == isAMX, "\(set)")
      let hasVectors = lmk_instruction_set() >= LMK_AVX512
      #expect((lmk_set_bfloat16_product(Int32(LMK_PRODUCT_ROUNDED)) != 0) == hasVectors, "\(set)")
      #expect(lmk_bfloat16_product() == LMK_PRODUCT_ROUNDED, "\(set)")
    }
  }

  /// Operands of both types; the reference rounds them first. The processor's dot product rounds each product once
  /// more.
  @Test(arguments: [
    (1, 1, 1), (3, 17, 2), (17, 33, 3), (15, 31, 65), (177, 177, 64), (200, 40, 2100), (14, 2100, 33), (33, 3, 5000),
    (17, 800, 4200),
  ])
  func values(m: Int, n: Int, k: Int) throws {
    for (turnA, turnB) in [(false, false), (false, true), (true, false), (true, true)] {
      for element in [Element.float32, .bfloat16] {
        let trial = try ProductTrial(m, n, k, turnA: turnA, turnB: turnB, element: element, rounds: true)
        let expected = trial.expected(scale: 0.5, beta: 0.25)
        let tolerance = roundingError(terms: 2 * k, magnitude: Double(k) / 4 + 1)
        try inEveryWay { way in
          let c = try trial.run(Epilogue(alpha: 0.5, beta: 0.25), arithmetic: .bfloat16)
          expectClose(c, expected, absolute: tolerance, "\(m)×\(n)×\(k), \(turnA), \(turnB), \(way)")
          try expectSameBitsForAnyThreadCount {
            try trial.run(Epilogue(alpha: 0.5, beta: 0.25), arithmetic: .bfloat16)
          }
        }
      }
    }
  }

  /// Tiles of every number of rows, of half and of whole width, in one part of the depth and in several.
  @Test(arguments: [3, 70, 1100])
  func edges(k: Int) throws {
    try inEveryWay { way in
      for (m, n) in (1...15).flatMap({ m in [5, 16, 17, 33].map { (m, $0) } }) {
        try expectEdge(m, n, k, tolerance: roundingError(terms: 2 * k, magnitude: Double(k) / 4 + 1), .bfloat16, way)
      }
    }
  }

  /// Rows of bfloat16 that lie whole words apart are read where they are, others are packed first: the same bits.
  @Test(arguments: [(200, 40, 2100), (177, 177, 64), (13, 3, 2)])
  func rowsReadInPlace(m: Int, n: Int, k: Int) throws {
    let inPlace = try ProductTrial(m, n, k, turnA: false, turnB: true, gap: 0, element: .bfloat16, rounds: true)
    let packed = try ProductTrial(m, n, k, turnA: false, turnB: true, gap: 0, rounds: true)
    try inEveryWay { way in
      let c = try inPlace.run(Epilogue(), arithmetic: .bfloat16)
      expectClose(c, inPlace.expected(), absolute: roundingError(terms: 2 * k, magnitude: Double(k) / 4), way)
      expectSameBits(c, try packed.run(Epilogue(), arithmetic: .bfloat16), way)
      try expectSameBitsForAnyThreadCount { try inPlace.run(Epilogue(), arithmetic: .bfloat16) }
    }
  }

  /// A packed operand gives the bits of one that is packed on the way, a result stored as bfloat16 those of one rounded
  /// afterwards.
  @Test(arguments: [(17, 33, 3), (200, 40, 2100)])
  func packedAndStored(m: Int, n: Int, k: Int) throws {
    let trial = try ProductTrial(m, n, k, turnA: false, turnB: true, rounds: true)
    try inEveryWay { way in
      let onTheWay = try trial.run(Epilogue(), arithmetic: .bfloat16)
      expectSameBits(try trial.run(Epilogue(), arithmetic: .bfloat16, packs: true), onTheWay, way)
      let stored = try trial.run(Epilogue(), arithmetic: .bfloat16, result: .bfloat16)
      expectSameBits(stored, onTheWay.map(rounded), way)
    }
  }
}

/// What a product's sums go through before they are stored.
@Suite struct EpilogueTests {
  private let m = 177
  private let n = 37
  private let k = 33

  private func columns(_ seed: Int) throws -> Buffer { try Buffer(randomValues(n, seed: seed)) }

  @Test func biasAndResidual() throws {
    let trial = try ProductTrial(m, n, k, turnA: false, turnB: true)
    let (bias, residual) = (try columns(5), try Buffer(randomValues(m * trial.stride, seed: 6)))
    var expected = trial.expected()
    for row in 0..<m {
      for column in 0..<n {
        let place = row * trial.stride + column
        expected[place] += Double(bias.pointer[column]) + Double(residual.pointer[place])
      }
    }
    try Machine.onEachInstructionSet { set in
      let c = try trial.run(Epilogue(bias: bias.pointer, residual: residual.pointer))
      expectClose(c, expected, absolute: roundingError(terms: k, magnitude: Double(k)), "\(set)")
    }
  }

  /// What is stored as bfloat16 is a GELU, and a slope, near what they should be (see `expectGELU`), and rounded once.
  @Test(.enabled(if: InstructionSet.avx512bf16.isAvailable, "needs a processor with AVX512-BF16"))
  func geluStoredAsBFloat16() throws {
    let count = 4096
    let sums = try Buffer((0..<count).map { Float($0) / 256 - 8 })
    let one = try Buffer(count: 1, repeating: 1)
    func run(_ epilogue: Epilogue) throws -> [Float] {
      let c = try Buffer(count: count, element: .bfloat16)
      try parallelProduct(
        count, 1, 1, MatrixView(sums.raw, stride: 1), .view(MatrixView(one.raw, stride: 1)),
        into: MatrixOutput(c.raw, stride: 1, element: .bfloat16), epilogue)
      return floats(c)
    }
    let before = try Buffer(count: count, element: .bfloat16)
    let values = try run(Epilogue(.gelu, before: before.raw))
    let x = floats(before)
    expectSameBits(x, sums.values.map(rounded), "before")
    expectGELU(values, of: x, "value")
    let slopes = try run(Epilogue(.geluGradient, before: before.raw))
    expectSameBits(floats(before), values, "its value again")
    for (index, slope) in slopes.enumerated() {
      let wanted = Double(sums.pointer[index]) * geluSlope(Double(x[index]))
      let bound = abs(wanted) * 0x1p-8 + abs(Double(sums.pointer[index])) * 0x1p-11
      #expect(abs(Double(slope) - wanted) <= bound, "slope at \(x[index]): \(slope), wanted \(wanted)")
    }
  }

  /// What no approximation reaches: far below zero GELU and slope vanish, far above they are x and 1; NaN stays NaN.
  @Test(.enabled(if: InstructionSet.avx512bf16.isAvailable, "needs a processor with AVX512-BF16"))
  func geluOfExtremesStoredAsBFloat16() throws {
    let x = [-1e30, -100, -26, 0, 100, 1e30, .nan].map(rounded)
    let (values, one) = (try Buffer(x), try Buffer(count: 1, repeating: 1))
    let (before, c) = (
      try Buffer(count: x.count, element: .bfloat16), try Buffer(count: x.count, element: .bfloat16)
    )
    func run(_ left: Buffer, _ epilogue: Epilogue) throws -> [Float] {
      try parallelProduct(
        x.count, 1, 1, MatrixView(left.raw, stride: 1), .view(MatrixView(one.raw, stride: 1)),
        into: MatrixOutput(c.raw, stride: 1, element: .bfloat16), epilogue)
      return floats(c)
    }
    let y = try run(values, Epilogue(.gelu, before: before.raw))
    #expect(y[0...3].allSatisfy { abs($0) < 1e-30 } && y[4...5] == [x[4], x[5]] && y[6].isNaN, "\(y)")
    let slopes = try run(Buffer(count: x.count, repeating: 1), Epilogue(.geluGradient, before: before.raw))
    #expect(slopes[0...2].allSatisfy { abs($0) < 1e-30 }, "\(slopes)")
    #expect(slopes[3...5] == [0.5, 1, 1] && slopes[6].isNaN, "\(slopes)")
  }

  private func floats(_ buffer: Buffer) -> [Float] {
    var values = [Float](repeating: 0, count: buffer.count)
    convert(buffer.raw, buffer.element, count: buffer.count, to: &values, .float32)
    return values
  }

  /// GELU's error is that of erf, 2e-7, times its argument.
  @Test func geluAndItsGradient() throws {
    let trial = try ProductTrial(m, n, k, turnA: false, turnB: true, gap: 0)
    let bias = try columns(5)
    let sums = trial.expected().enumerated().map { $1 + Double(bias.pointer[$0 % n]) }
    let tolerance = 4 * roundingError(terms: k, magnitude: Double(k)) + 1e-5
    try Machine.onEachInstructionSet { set in
      let before = try Buffer(count: m * n)
      let c = try trial.run(Epilogue(.gelu, bias: bias.pointer, before: before.raw))
      expectClose(c, sums.map(gelu), absolute: tolerance, "gelu, \(set)")
      expectClose(Array(before.values), sums, absolute: tolerance, "before, \(set)")
      expectSameBits(try trial.run(Epilogue(.gelu, bias: bias.pointer)), c, "without what was before, \(set)")

      let inputs = Array(before.values)
      let slopes = try trial.run(Epilogue(.geluGradient, before: before.raw))
      let expected = zip(trial.expected(), inputs).map { $0 * geluSlope(Double($1)) }
      expectClose(slopes, expected, absolute: tolerance, "gradient, \(set)")
      expectClose(Array(before.values), inputs.map { gelu(Double($0)) }, absolute: tolerance, "its value, \(set)")
    }
  }
}
