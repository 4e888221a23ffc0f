import Compute
import Images
import LatentMIM
import Tensors

/// A model small enough for tests: 4×5 grid of 4-pixel patches with gap 2.
func smallConfiguration(_ preset: Preset = .official) -> ModelConfiguration {
  var configuration = ModelConfiguration(preset: preset)
  (configuration.rows, configuration.columns) = (4, 5)
  (configuration.patchSize, configuration.patchGap, configuration.numVisible) = (4, 2, 6)
  (configuration.width, configuration.depth, configuration.heads) = (32, 2, 4)
  (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 2, 2)
  (configuration.projectorWidth, configuration.projectorDepth) = (48, 3)
  return configuration
}

/// Random pixels in 0 … 1.
func randomTensor(_ shape: [Int], seed: UInt64) throws -> Tensor {
  let stream = RandomStream(seed: seed, purpose: .crop, epoch: 99)
  return try Tensor(shape: shape, values: (0..<shape.reduce(1, *)).map { stream.uniform(at: $0) })
}

/// Random images as a data set.
func randomImages(_ count: Int, height: Int = 40, width: Int = 44) throws -> ImageArrays {
  let stream = RandomStream(seed: 5, purpose: .crop, epoch: 98)
  let bytes = (0..<count * height * width * 3).map { UInt8(truncatingIfNeeded: stream.words(at: $0).0) }
  return try ImageArrays(PixelMemory(bytes), shape: [count, height, width, 3])
}

func smallTraining() -> TrainingConfiguration {
  var training = TrainingConfiguration()
  (training.epochs, training.batchSize, training.warmupEpochs) = (3, 8, 1)
  (training.baseLearningRate, training.seed) = (0.02, 11)
  return training
}

/// All weights of a model, one after the other.
func weights(_ model: LatentMIMModel) -> [Float] { model.parameters.flatMap { $0.parameter.tensor.values } }
