import CKernels
import TestSupport
import Testing

@testable import Compute

@Suite(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2"))
struct QuantizedProductTests {
  /// - Parameter turned: whether b is stored as it is multiplied, [k, n]; else as `b` has it, transposed.
  private func run(
    _ m: Int, _ n: Int, _ k: Int, _ a: [Float], _ b: [Float], _ epilogue: Epilogue = Epilogue(),
    element: Element = .float32, result: Element = .float32, packs: Bool = true, turned: Bool = false
  ) throws -> [Float] {
    let (left, right) = (try Buffer(count: a.count, element: element), try Buffer(count: b.count))
    convert(a, .float32, count: a.count, to: left.raw, element)
    for (index, value) in b.enumerated() { right.pointer[turned ? index % k * n + index / k : index] = value }
    let c = try Buffer(count: m * n, element: result)
    let view = MatrixView(right.raw, stride: turned ? n : k, transposed: !turned)
    try parallelProduct(
      m, n, k, MatrixView(left.raw, stride: k, element: element),
      packs ? .packed(try PackedMatrix(view, k: k, n: n, arithmetic: .int8)) : .view(view),
      into: MatrixOutput(c.raw, stride: n, element: result), epilogue, arithmetic: .int8)
    var values = [Float](repeating: 0, count: m * n)
    convert(c.raw, result, count: values.count, to: &values, .float32)
    return values
  }

  /// AMX tiles and 512 bits where the set in use has them; a way chosen by hand ends with the set it was chosen for.
  @Test func theWayFollowsTheInstructionSet() {
    Machine.onEachInstructionSet { set in
      let hasTiles = lmk_set_int8_product(Int32(LMK_PRODUCT_INT8_AMX)) != 0
      let has512 = lmk_set_int8_product(Int32(LMK_PRODUCT_INT8)) != 0
      #expect(!hasTiles || lmk_instruction_set() == LMK_AMX, "\(set)")
      #expect(!has512 || lmk_instruction_set() >= LMK_AVX512, "\(set)")
      #expect((lmk_set_int8_product(Int32(LMK_PRODUCT_INT8_AVX2)) != 0) == Arithmetic.int8.isAvailable, "\(set)")
      #expect(lmk_set_int8_product(Int32(LMK_PRODUCT_AVX2)) == 0, "\(set)")
      lmk_set_int8_product(-1)
      #expect((lmk_int8_product() == LMK_PRODUCT_INT8_AMX) == hasTiles, "\(set)")
      #expect((lmk_int8_product() == LMK_PRODUCT_INT8) == (has512 && !hasTiles), "\(set)")
    }
  }

  /// The largest numbers there are: four of one sign fill the sixteen bits that their products are added in, whether
  /// they are equal, one is all there is, or one has what rounding adds.
  @Test(arguments: [64, 67, 72]) func groupsFit(k: Int) throws {
    let a = [Float](repeating: 1, count: k) + (0..<k).map { Float($0 % 2) }
    let b =
      (0..<k).map { _ in Float(0.3) } + (0..<k).map { $0 / 2 % 2 == 0 ? Float(-0.7) : 0.7 }
      + (0..<k).map { $0 % 8 == 5 ? Float(-1) : 0 } + (0..<k).map { [1.5, 5.5, 90, 0, 29.5, 89.5, 35, 1][$0 % 8] }
      + randomValues(k, seed: 3)
    try Machine.onEachInt8Product { way in
      let expected = QuantizedReference(m: 2, n: 5, k: k).product(a, b)
      for turned in [false, true] {
        let found = try run(2, 5, k, a, b, turned: turned)
        #expect(found == expected, "\(way)")
      }
    }
  }

  /// A packed weight is read only in the way it was packed for.
  @Test func aPackedMatrixKnowsItsWay() throws {
    let numbers = try Buffer(count: 12, repeating: 1)
    try Machine.undisturbed {
      defer { lmk_set_int8_product(-1) }
      lmk_set_int8_product(Int32(LMK_PRODUCT_INT8_AVX2))
      let packed = try PackedMatrix(
        MatrixView(numbers.raw, stride: 3, transposed: true), k: 3, n: 4, arithmetic: .int8)
      #expect(packed.isReadable)
      for way in [LMK_PRODUCT_INT8_AVXVNNI, LMK_PRODUCT_INT8, LMK_PRODUCT_INT8_AMX]
      where lmk_set_int8_product(Int32(way)) != 0 {
        #expect(!packed.isReadable)
      }
    }
  }

  /// Sums are whole numbers, so that every number is the reference's own; a depth of several parts, tiles and panels
  /// that are full, one longer and one shorter, one row, one column, one element.
  @Test(arguments: [
    (1, 1, 1), (14, 32, 64), (15, 33, 65), (3, 5, 7), (170, 70, 31), (29, 31, 2048), (16, 40, 2049), (5, 33, 4100),
    (9, 300, 71), (3, 257, 66), (49, 65, 2100), (33, 31, 63),
  ])
  func equalsWholeNumbers(m: Int, n: Int, k: Int) throws {
    let (a, b) = (randomValues(m * k, seed: 1, in: -0.7...2), randomValues(n * k, seed: 2, in: -0.1...0.1))
    try Machine.onEachInt8Product { way in
      let expected = QuantizedReference(m: m, n: n, k: k).product(a, b)
      for (packs, turned) in [(true, false), (false, false), (true, true), (false, true)] {
        let found = try run(m, n, k, a, b, packs: packs, turned: turned)
        #expect(
          zip(found, expected).allSatisfy { $0 == $1 }, "\(way), \(m)×\(n)×\(k), packs: \(packs), turned: \(turned)")
      }
      let short = a.map(rounded)
      let wanted = QuantizedReference(m: m, n: n, k: k).product(short, b)
      #expect(try zip(run(m, n, k, a, b, element: .bfloat16), wanted).allSatisfy { $0 == $1 }, "\(way), bfloat16")
    }
  }

  /// Tiles of every number of rows, of half and of whole width, in one part of the depth and in several.
  @Test(arguments: [7, 300, 2100])
  func edges(k: Int) throws {
    for (m, n) in (1...15).flatMap({ m in [5, 16, 17, 33].map { (m, $0) } }) {
      let (a, b) = (randomValues(m * k, seed: 1, in: -0.7...2), randomValues(n * k, seed: 2, in: -0.1...0.1))
      try Machine.onEachInt8Product { way in
        let expected = QuantizedReference(m: m, n: n, k: k).product(a, b)
        let found = try run(m, n, k, a, b)
        #expect(zip(found, expected).allSatisfy { $0 == $1 }, "\(way), \(m)×\(n)×\(k)")
      }
    }
  }

  /// Half a step of either operand in every product at most.
  @Test func isCloseToTheProduct() throws {
    let (m, n, k) = (20, 40, 300)
    let (a, b) = (randomValues(m * k, seed: 3, in: -1...3), randomValues(n * k, seed: 4))
    try Machine.onEachInt8Product { way in
      let found = try run(m, n, k, a, b)
      for i in 0..<m {
        for j in 0..<n {
          let (x, w) = (a[i * k..<(i + 1) * k], b[j * k..<(j + 1) * k])
          let (step, weightStep) = (Double(4.0 / 255), Double(QuantizedReference.columnScale(w)))
          let bound = zip(x, w).reduce(0.0) {
            $0 + step * Double(abs($1.1)) / 2 + weightStep * Double(abs($1.0)) / 2 + step * weightStep / 4
          }
          let exact = zip(x, w).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
          #expect(abs(Double(found[i * n + j]) - exact) <= bound * 1.01, "\(way), row \(i), column \(j)")
        }
      }
    }
  }

  /// Rows of nothing, of one element 10⁴ times the others, subnormal and huge ones; what is not finite spoils its own
  /// row or column, no other.
  @Test(arguments: [Element.float32, .bfloat16], [40, 104])
  func extremeScales(element: Element, k: Int) throws {
    let (m, n) = (9, 6)
    var (a, b) = (randomValues(m * k, seed: 5), randomValues(n * k, seed: 6))
    for l in 0..<k {
      a[l] = 0
      a[k + l] *= l == 3 ? 1e4 : 1
      a[2 * k + l] *= 0x1p-130
      a[3 * k + l] *= 3e38
      a[4 * k + l] = abs(a[4 * k + l])
      a[5 * k + l] = -abs(a[5 * k + l])
      b[l] = 0
      b[k + l] *= 0x1p-138
    }
    a[6 * k + 7] = .infinity
    a[7 * k + 1] = .nan
    a[8 * k + 3] = -.infinity
    b[5 * k + 9] = -.infinity
    if element == .bfloat16 { a = a.map { $0.isFinite ? rounded($0) : $0 } }
    try Machine.onEachInt8Product { way in
      let expected = QuantizedReference(m: m, n: n, k: k).product(a, b)
      for turned in [false, true] {
        let found = try run(m, n, k, a, b, element: element, turned: turned)
        for (index, pair) in zip(found, expected).enumerated() {
          #expect(
            pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN),
            "\(way), row \(index / n), column \(index % n): \(pair.0)")
        }
        #expect(
          found[..<n].allSatisfy { $0 == 0 || $0.isNaN } && found[6 * n].isNaN && found[7 * n].isNaN && found[5].isNaN)
      }
    }
  }

  /// The epilogue works on the product's floats as it does for other operands.
  @Test(arguments: [Element.float32, .bfloat16])
  func epilogues(result: Element) throws {
    let (m, n, k) = (31, 70, 2100)
    let (a, b) = (randomValues(m * k, seed: 7), randomValues(n * k, seed: 8))
    let (bias, residual) = (randomValues(n, seed: 9), randomValues(m * n, seed: 10))
    let coarse = result == .float32 ? 4 * roundoff : 0x1p-8
    try Machine.onEachInt8Product { _ in
      guard result == .float32 || Arithmetic.besideInt8 == .bfloat16 else { return }
      let plain = QuantizedReference(m: m, n: n, k: k).product(a, b).map(Double.init)
      try bias.withUnsafeBufferPointer { bias in
        try residual.withUnsafeBufferPointer { residual in
          let added = plain.enumerated().map { $1 + Double(bias[$0 % n]) }
          let first = Epilogue(bias: bias.baseAddress)
          expectClose(try run(m, n, k, a, b, first, result: result), added, absolute: 1e-6, relative: coarse, "bias")
          let both = Epilogue(bias: bias.baseAddress, residual: residual.baseAddress)
          expectClose(
            try run(m, n, k, a, b, both, result: result), zip(added, residual).map { $0 + Double($1) }, absolute: 1e-6,
            relative: coarse, "residual")
          // What is stored as bfloat16 is rounded before the GELU, too.
          let before = result == .float32 ? added : added.map { Double(rounded(Float($0))) }
          let curved = try run(m, n, k, a, b, Epilogue(.gelu, bias: bias.baseAddress), result: result)
          expectClose(curved, before.map(gelu), absolute: 1e-3, relative: 2.5 * coarse, "GELU")
        }
      }
    }
  }

  /// What would be read wrongly, or not fit a sum, is refused.
  @Test func operandsThatDoNotGo() throws {
    let numbers = try Buffer(count: 66_312, repeating: 1)
    let (plain, turned) = (
      MatrixView(numbers.raw, stride: 66_312), MatrixView(numbers.raw, stride: 66_312, transposed: true)
    )
    let halves = MatrixView(numbers.raw, stride: 1, transposed: true, element: .bfloat16)
    let c = try Buffer(count: 1)
    func refuses(_ k: Int, _ a: MatrixView, _ b: MatrixView, _ what: String) {
      let error = #expect(throws: ArgumentError.self) {
        try parallelProduct(1, 1, k, a, .view(b), into: MatrixOutput(c.raw, stride: 1), arithmetic: .int8)
      }
      #expect(error?.description.contains(what) == true)
    }
    refuses(66_312, plain, turned, "depth is 66312, wanted at most 66311")
    refuses(1, turned, turned, "left operand is transposed")
    refuses(1, plain, halves, "right operand is stored as bfloat16, wanted float32")
    try Machine.undisturbed {
      try parallelProduct(1, 1, 66_311, plain, .view(turned), into: MatrixOutput(c.raw, stride: 1), arithmetic: .int8)
    }
    // Half a step of the weight in each product at most.
    let step = QuantizedReference.columnScale(ArraySlice([Float](repeating: 1, count: 66_311)))
    #expect(abs(c.values[0] - 66_311) <= 1.01 * 66_311 * step / 2)
  }

  /// Whatever it is computed with: threads, and rows beside it.
  @Test func sameBits() throws {
    let (m, n, k) = (300, 100, 200)
    let (a, b) = (randomValues(m * k, seed: 11), randomValues(n * k, seed: 12))
    try Machine.onEachInt8Product { way in
      try expectSameBitsForAnyThreadCount { try run(m, n, k, a, b) }
      try expectSameBitsForAnyThreadCount { try run(m, n, k, a, b, packs: false, turned: true) }
      let all = try run(m, n, k, a, b)
      let one = try run(1, n, k, Array(a[170 * k..<171 * k]), b)
      expectSameBits(one, Array(all[170 * n..<171 * n]), "\(way), a row alone")
    }
  }
}
