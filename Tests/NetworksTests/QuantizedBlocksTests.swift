import Compute
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Which layers of a block multiply bytes.
@Suite(.enabled(if: Arithmetic.int8.isAvailable, "needs a processor with AVX2"))
struct QuantizedBlocksTests {
  private func random(_ shape: [Int], seed: Int) throws -> Tensor {
    try Tensor(shape: shape, values: randomValues(shape.reduce(1, *), seed: seed))
  }

  private func made(_ place: BlockIndex, activation: Activation = .gelu) throws -> Block {
    let block = try Block(BlockShape(width: 64, heads: 2, hidden: 128, activation: activation), place: place)
    block.initialize(prefix: "block", seed: 1)
    return block
  }

  private func distance(_ a: Tensor, _ b: Tensor) -> Double {
    zip(floats(a), floats(b)).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
  }

  private func floats(_ x: Tensor) -> [Float] {
    var values = [Float](repeating: 0, count: x.count)
    convert(x.buffer.raw, x.buffer.element, count: x.count, to: &values, .float32)
    return values
  }

  /// Of the four ways, only the one of this place is the MLP's: computed by itself, layer after layer.
  @Test(arguments: [Activation.gelu, .quickGELU], [0, 1, 2, 3])
  func layersOfTheMLP(activation: Activation, index: Int) throws {
    // The fourth is a decoder's first.
    let place = index < 3 ? BlockIndex(index, of: 6) : BlockIndex(0, of: 6, network: 1)
    let wanted = [[false, false], [false, true], [true, true], [true, true]][index]
    let (block, x) = (try made(place, activation: activation), try random([1, 50, 64], seed: 3))
    block.attn.proj.weight.fill(try Tensor(shape: [64, 64], values: [Float](repeating: 0, count: 4096)))
    try Machine.onEachInt8Product { way in
      try Computation.$current.withValue(Computation(.int8)) {
        let found = try block(x)
        func value(_ takesBytes: [Bool]) throws -> Tensor {
          func layer(_ number: Int, _ body: () throws -> Tensor) rethrows -> Tensor {
            try takesBytes[number] ? Computation.quantizing(body) : body()
          }
          let first = try layer(0) { try block.mlp.fc1.activation(block.norm2.activation(x)) }
          let hidden = try activation(first)
          return try layer(1) { try block.mlp.fc2(hidden, residual: x) }
        }
        let ways = [[false, false], [false, true], [true, false], [true, true]]
        let distances = try ways.map { ($0, distance(found, try value($0))) }.sorted { $0.1 < $1.1 }
        #expect(distances[0].0 == wanted && distances[0].1 < distances[1].1 / 3, "\(way), block \(index): \(distances)")
      }
    }
  }

  /// Attention's layers do so in every block.
  @Test func layersOfAttention() throws {
    let (block, x) = (try made(BlockIndex(0, of: 6)), try random([1, 50, 64], seed: 3))
    block.mlp.fc2.weight.fill(try Tensor(shape: [64, 128], values: [Float](repeating: 0, count: 8192)))
    func queries(_ arithmetic: Arithmetic) throws -> (whole: Tensor, queries: Tensor) {
      try Computation.$current.withValue(Computation(arithmetic)) {
        (try block(x), try block.queriesKeysValues(x, rotary: nil))
      }
    }
    try Machine.onEachInt8Product { way in
      let (short, plain) = (try queries(.int8), try queries(.besideInt8))
      #expect(distance(short.whole, plain.whole) > 0 && distance(short.queries, plain.queries) > 0, "\(way)")
    }
  }
}
