import Files
import Foundation
import Tensors
import Testing

@testable import LatentMIM

@Suite struct WeightsTests {
  private let configuration = smallConfiguration()

  /// The weights of a model as named arrays, changed by `edit`, for as long as `body` runs.
  @discardableResult
  private func withArrays<Result>(
    of model: LatentMIMModel, edit: (inout [String: [Float]], inout [String: [Int]]) -> Void = { _, _ in },
    _ body: (NamedArrays) throws -> Result
  ) throws -> Result {
    var (values, shapes): ([String: [Float]], [String: [Int]]) = ([:], [:])
    for named in model.parameters {
      (values[named.name], shapes[named.name]) = (named.parameter.tensor.values, named.parameter.shape)
    }
    edit(&values, &shapes)
    let arrays = NamedArrays()
    var kept: [UnsafeMutableBufferPointer<Float>] = []
    defer { kept.forEach { $0.deallocate() } }
    for (name, list) in values {
      let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: list.count)
      _ = copy.initialize(fromContentsOf: list)
      kept.append(copy)
      try arrays.add(name, shape: shapes[name] ?? [list.count], values: UnsafeBufferPointer(copy))
    }
    return try body(arrays)
  }

  @Test func aSavedModelComesBack() throws {
    let path = NSTemporaryDirectory() + "latentmim-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try LatentMIMModel(configuration, seed: 9)
    try model.save(to: path)
    let loaded = try LatentMIMModel.load(from: path)
    #expect(loaded.model.configuration == configuration && loaded.remarks.isEmpty)
    #expect(weights(loaded.model) == weights(model))
    let encoder = try Encoder.load(from: path).encoder
    let images = try randomTensor([1, 16, 20, 3], seed: 3)
    #expect(try encoder.features(images).values == model.onlineEncoder.features(images).values)
    try encoder.save(to: path)
    #expect(try Encoder.load(from: path).encoder.features(images).values == encoder.features(images).values)
    #expect(Set(try encoder.storedTensors().map(\.name)) == Set(try SafetensorsFile(path: path).names))
    let error = #expect(throws: CheckpointError.self) { try LatentMIMModel.load(from: path) }
    #expect(error?.problem.contains("load_encoder reads it") == true)
  }

  @Test func allProblemsAreListedAtOnceAndNothingChanges() throws {
    let (source, model) = (try LatentMIMModel(configuration, seed: 1), try LatentMIMModel(configuration, seed: 2))
    let before = weights(model)
    let error = #expect(throws: WeightsError.self) {
      try withArrays(of: source) { values, shapes in
        values["encoder.norm.weight"] = nil
        values["decoder.mask_token"] = nil
        shapes["encoder.cls_token"] = [1, 32]
        values["encoder.surprise"] = [1]
      } _: {
        try model.load($0, title: "arrays")
      }
    }
    #expect(
      error?.problems.sorted() == [
        "decoder.mask_token is missing (wanted [1, 1, 16])",
        "encoder.cls_token has shape [1, 32], wanted [1, 1, 32]",
        "encoder.norm.weight is missing (wanted [32])", "encoder.surprise is not part of the model",
      ])
    #expect(weights(model) == before)
  }

  @Test func thePrefixOfDistributedTrainingIsDropped() throws {
    let (source, model) = (try LatentMIMModel(configuration, seed: 1), try LatentMIMModel(configuration, seed: 2))
    try withArrays(of: source) { values, shapes in
      values = Dictionary(uniqueKeysWithValues: values.map { ("module." + $0.key, $0.value) })
      shapes = Dictionary(uniqueKeysWithValues: shapes.map { ("module." + $0.key, $0.value) })
    } _: {
      try model.load($0, title: "arrays")
    }
    #expect(weights(model) == weights(source))
  }

  @Test func positionsThatDifferAreRemarkedOn() throws {
    let source = try LatentMIMModel(configuration, seed: 1)
    func remarks(_ change: Float) throws -> [String] {
      var table = try configuration.publishedPositions(width: 32).values
      table[40] += change
      return try withArrays(of: source) { values, shapes in
        values["encoder.pos_embed.pos_embeds"] = table
        shapes["encoder.pos_embed.pos_embeds"] = [21, 32]
      } _: {
        try source.load($0, title: "arrays")
      }
    }
    #expect(try remarks(5e-5).isEmpty)
    #expect(try remarks(0.01).first?.contains("encoder.pos_embed.pos_embeds differs") == true)
  }

  @Test func theConfigurationIsReadFromShapes() throws {
    var square = configuration
    (square.rows, square.columns, square.width, square.heads) = (4, 4, 64, 1)
    let source = try LatentMIMModel(square, seed: 1)
    let inferred = try withArrays(of: source) { values, shapes in
      values["encoder.pos_embed.pos_embeds"] = [Float](repeating: 0, count: 17 * 64)
      shapes["encoder.pos_embed.pos_embeds"] = [17, 64]
    } _: {
      try ModelConfiguration(
        inferredFrom: WeightReader($0, title: "arrays"),
        options: JSONCursor(["heads": 1, "decoder_heads": 2], source: "options"))
    }
    #expect((inferred.rows, inferred.columns, inferred.patchSize) == (4, 4, 4))
    #expect((inferred.width, inferred.depth, inferred.heads) == (64, 2, 1))
    #expect((inferred.decoderWidth, inferred.decoderDepth) == (16, 2))
    #expect((inferred.projector, inferred.projectorWidth, inferred.projectorDepth) == (.both, 48, 3))
  }

  @Test func aConfigurationLargerThanItsFileTakesNoMemory() throws {
    let path = NSTemporaryDirectory() + "latentmim-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var huge = configuration
    (huge.width, huge.depth, huge.heads) = (8192, 128, 1)
    var writer = SafetensorsWriter(metadata: ["model": try huge.json.text()])
    try writer.add("encoder.cls_token", shape: [1, 1, 8192], values: [Float](repeating: 0, count: 8192))
    try writer.write(to: path)
    for load in [{ _ = try LatentMIMModel.load(from: path) }, { _ = try Encoder.load(from: path) }] {
      let error = #expect(throws: WeightsError.self) { try load() }
      #expect(error?.problems.first?.contains("8192 values in all") == true)
    }
  }
}
