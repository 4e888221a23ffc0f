import Compute
import Evaluation
import Files
import Glibc
import TestSupport
import Testing

@Suite struct ProbeTests {
  /// The mean cross-entropy of softmax regression in double precision.
  private func loss(_ x: [Double], _ weight: [Double], _ bias: [Double], _ targets: [Int], width: Int) -> Double {
    let classes = bias.count
    return targets.enumerated().reduce(0) { sum, item in
      let logits = (0..<classes).map { one in
        (0..<width).reduce(bias[one]) { $0 + x[item.offset * width + $1] * weight[one * width + $1] }
      }
      let largest = logits.max() ?? 0
      let total = logits.reduce(0) { $0 + exp($1 - largest) }
      return sum + log(total) + largest - logits[item.element]
    } / Double(targets.count)
  }

  @Test(arguments: [(1, 1, 2), (17, 3, 5), (177, 35, 3), (33, 7, 177)])
  func theGradientIsRight(_ size: (Int, Int, Int)) throws {
    let (rows, width, classes) = size
    let classifier = try LinearClassifier(classes: classes, width: width, initStd: 0.5, seed: 3)
    for index in 0..<classes { classifier.bias.pointer[index] = Float(index) / 7 - 0.3 }
    let x = randomValues(rows * width, seed: 4)
    let targets = (0..<rows).map { $0 * 5 % classes }
    let gradient = try LinearGradient(for: classifier)
    let found = try classifier.loss(Buffer(x), targets: targets, into: gradient)
    let (weight, bias) = (Array(classifier.weight.values).doubled, Array(classifier.bias.values).doubled)
    expectClose([found], [loss(x.doubled, weight, bias, targets, width: width)], absolute: 1e-6)
    let step = 0x1p-14
    func slope(_ index: Int, of values: [Double], _ value: ([Double]) -> Double) -> Double {
      var (ahead, behind) = (values, values)
      ahead[index] += step
      behind[index] -= step
      return (value(ahead) - value(behind)) / (2 * step)
    }
    let weightSlopes = weight.indices.map { index in
      slope(index, of: weight) { loss(x.doubled, $0, bias, targets, width: width) }
    }
    let biasSlopes = bias.indices.map { index in
      slope(index, of: bias) { loss(x.doubled, weight, $0, targets, width: width) }
    }
    expectClose(gradient.weight.values, weightSlopes, absolute: 1e-6, "weights")
    expectClose(gradient.bias.values, biasSlopes, absolute: 1e-6, "biases")
  }

  /// Ten steps with given gradients against the formulas in double precision.
  @Test(arguments: [0.0, 0.05], [true, false])
  func optimiserAgreesStepByStep(weightDecay: Double, isLARS: Bool) throws {
    let classifier = try LinearClassifier(classes: 5, width: 17, initStd: 0.01, seed: 1)
    let optimizer = try MomentumOptimizer(
      isLARS ? .lars(trustCoefficient: 0.001) : .sgd, for: classifier, momentum: 0.9, weightDecay: weightDecay)
    let gradient = try LinearGradient(for: classifier)
    var (p, b) = (Array(classifier.weight.values).doubled, Array(classifier.bias.values).doubled)
    var (v, u) = (p.map { _ in 0.0 }, b.map { _ in 0.0 })
    func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    for step in 0..<10 {
      let (dp, db) = (randomValues(85, seed: 10 + step), randomValues(5, seed: 50 + step))
      gradient.weight.pointer.update(from: dp, count: 85)
      gradient.bias.pointer.update(from: db, count: 5)
      let rate = 3.0 + Double(step)
      optimizer.update(classifier, gradient, learningRate: rate)
      let g = zip(dp.doubled, p).map { $0 + weightDecay * $1 }
      let q = isLARS ? 0.001 * norm(p) / norm(g) : 1
      v = zip(v, g).map { 0.9 * $0 + q * $1 }
      p = zip(p, v).map { $0 - rate * $1 }
      u = zip(u, zip(db.doubled, b)).map { 0.9 * $0 + $1.0 + (isLARS ? 0 : weightDecay * $1.1) }
      b = zip(b, u).map { $0 - rate * $1 }
      expectClose(classifier.weight.values, p, absolute: 1e-6 * norm(p), "weights, step \(step)")
      expectClose(classifier.bias.values, b, absolute: 1e-6 * norm(b), "biases, step \(step)")
    }
  }

  @Test func withoutLengthTheTrustIsOne() throws {
    for (initStd, slope) in [(0.0, Float(2)), (1, 0), (1, 8 * Float.leastNonzeroMagnitude)] {
      let classifier = try LinearClassifier(classes: 2, width: 1, initStd: initStd, seed: 1)
      let before = Array(classifier.weight.values)
      let optimizer = try MomentumOptimizer(.lars(trustCoefficient: 0.5), for: classifier, momentum: 0, weightDecay: 0)
      let gradient = try LinearGradient(for: classifier)
      gradient.weight.pointer.update(repeating: slope, count: 2)
      optimizer.update(classifier, gradient, learningRate: 1)
      #expect(Array(classifier.weight.values) == before.map { $0 - slope })
    }
  }

  @Test func learnsWhatCanBeLearned() throws {
    let sets = try clusters(train: 600, test: 200, width: 20, classes: 4, noise: 0.8)
    let linear = try LinearProbe().score(sets)
    #expect(linear.accuracy > 0.95)
    #expect(try LinearProbe(.in100).score(sets).losses.count == 20 * (600 / 37))
    let few = try FewShotTransfer().score(sets)
    #expect(few.accuracy > 0.9)
    #expect(few.parts.map(\.name) == ["seed 1", "seed 2", "seed 3"])
    let runs = few.parts.map(\.accuracy)
    let mean = runs.reduce(0, +) / 3
    #expect(few.accuracy == mean)
    let spread = (runs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
    #expect(few.deviation == spread)
  }

  @Test func threadsDoNotMatter() throws {
    let sets = try clusters(train: 900, test: 300, width: 130, classes: 9)
    var few = FewShotTransfer()
    few.iterations = 20
    var found: [ClassificationScore] = []
    try Machine.onEachThreadCount { _ in found += try [LinearProbe(.in100).score(sets), few.score(sets)] }
    #expect(found[0] == found[2] && found[2] == found[4])
    #expect(found[1] == found[3] && found[3] == found[5])
  }

  @Test func seedsMatter() throws {
    let sets = try clusters(train: 300, test: 100, width: 8, classes: 3)
    var other = LinearProbe(.in100)
    other.seed = 5
    #expect(try LinearProbe(.in100).score(sets).losses != other.score(sets).losses)
  }

  /// Separable for ever: the loss vanishes, gradients leave the normal numbers, and the probe goes on.
  @Test func survivesPerfectTraining() throws {
    let sets = try clusters(train: 20, test: 10, width: 64, classes: 2, noise: 0.1)
    let found = try LinearProbe().score(sets)
    #expect(found.accuracy == 1 && found.losses.last == 0)
  }

  /// Name, rate times 256/batch, batch, epochs, warm-up of training sets of different sizes.
  @Test func presetsDecideWhatIsNotGiven() throws {
    func expect(
      _ probe: LinearProbe, _ count: Int, _ preset: LinearProbePreset, rate: Double, batch: Int, epochs: Int,
      warmup: Double
    ) {
      let found = probe.resolved(forTraining: count)
      #expect(found.preset == preset && found.batchSize == batch && found.epochs == epochs, "\(count)")
      #expect(found.warmupEpochs == warmup && found.baseLearningRate == rate, "\(count)")
    }
    expect(LinearProbe(), 126_689, .in100, rate: 0.5, batch: 1024, epochs: 20, warmup: 2)
    expect(LinearProbe(), 126_688, .small, rate: 0.5, batch: 1024, epochs: 20, warmup: 2)
    expect(LinearProbe(), 60_000, .small, rate: 0.5, batch: 1024, epochs: 43, warmup: 4.3)
    expect(LinearProbe(.in1k), 1_281_167, .in1k, rate: 0.1, batch: 16384, epochs: 90, warmup: 10)
    // The peak rate 2 of in100, and its 2460 steps or a few more.
    expect(LinearProbe(), 16383, .small, rate: 512 / 1023, batch: 1023, epochs: 154, warmup: 15.4)
    expect(LinearProbe(), 100, .small, rate: 16, batch: 32, epochs: 820, warmup: 82)
    expect(LinearProbe(.in100), 100, .in100, rate: 0.5, batch: 32, epochs: 20, warmup: 2)
    expect(LinearProbe(.in100), 20, .in100, rate: 0.5, batch: 20, epochs: 20, warmup: 2)
    var given = LinearProbe(.in1k)
    (given.epochs, given.batchSize, given.baseLearningRate) = (5, 40, 3)
    expect(given, 200, .in1k, rate: 3, batch: 40, epochs: 5, warmup: 0.5)
  }

  @Test func refusesBadOptions() throws {
    let sets = try clusters(train: 40, test: 10, width: 3, classes: 2)
    func refused(_ scoring: String, _ options: String) {
      #expect(throws: (any Error).self, "\(options)") {
        let json = try JSONValue(parsing: #"{"protocol": "\#(scoring)", "options": \#(options)}"#, source: "test")
        _ = try scoringProtocol(JSONCursor(json, source: "test")).score(sets)
      }
    }
    for options in [
      #"{"epochs": 0}"#, #"{"batch_size": 41}"#, #"{"batch_size": 1}"#, #"{"preset": "in100", "warmup_epochs": 20}"#,
      #"{"momentum": 1}"#, #"{"base_learning_rate": -1}"#, #"{"trust_coefficient": -1}"#, #"{"seed": -1}"#,
      #"{"preset": "x"}"#,
      #"{"weight_decay": -1}"#, #"{"init_std": 2}"#,
    ] { refused("linear", options) }
    for options in [
      #"{"shots": 0}"#, #"{"seeds": []}"#, #"{"seeds": [-1]}"#, #"{"iterations": 0}"#, #"{"schedule": "x"}"#,
      #"{"batch_size": 1}"#, #"{"learning_rate": -1}"#, #"{"shots": 40}"#, #"{"momentum": 1}"#,
      #"{"weight_decay": -1}"#, #"{"init_std": -1}"#,
    ] { refused("few_shot", options) }
    refused("nonsense", "{}")
    #expect(throws: JSONError.self) {
      _ = try LinearProbe(json: JSONCursor(["epocs": 3], source: "test"))
    }
  }

  @Test func refusesSetsThatTeachNothing() throws {
    let one = try labelled([1, 2, 3, 4], width: 1, [5, 5, 5, 5])
    #expect(throws: EvaluationError.oneClass(scoring: "linear")) { try LinearProbe().score((one, one)) }
    #expect(throws: EvaluationError.oneClass(scoring: "few_shot")) { try FewShotTransfer().score((one, one)) }
    let small = try clusters(train: 40, test: 10, width: 3, classes: 5)
    #expect(throws: EvaluationError.self) { try FewShotTransfer().score(small) }
    let named = try labelled(
      randomValues(40, seed: 1), width: 1, (0..<40).map { $0 < 10 ? 1 : 0 }, classNames: ["cat", "dog"])
    #expect(throws: EvaluationError.tooFewImages(className: "'dog'", count: 10, wanted: 16)) {
      try FewShotTransfer().score((named, named))
    }
  }

  @Test func aLossThatLeavesTheNumbersIsSaid() throws {
    let sets = try clusters(train: 100, test: 10, width: 3, classes: 2)
    var few = FewShotTransfer()
    (few.learningRate, few.weightDecay, few.iterations) = (1e6, 1e6, 200)
    let error = #expect(throws: EvaluationError.self) { try few.score(sets) }
    #expect(error?.kind == .notFinite)
  }
}
