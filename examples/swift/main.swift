// Latent MIM from Swift: train on images in memory, save, load, take features, segment.
//
//   swift run -c release latentmim-example
import Evaluation
import Images
import LatentMIM
import Segmentation
import Tensors

// Sixty-four images of 48×48 pixels, a coloured square at a place of its own on grey.
func makeImages(_ count: Int, side: Int) -> [UInt8] {
  var pixels = [UInt8](repeating: 128, count: count * side * side * 3)
  for image in 0..<count {
    let (top, left) = (image * 7 % (side - 16), image * 13 % (side - 16))
    for row in top..<top + 16 {
      for column in left..<left + 16 {
        pixels[((image * side + row) * side + column) * 3 + image % 3] = 255
      }
    }
  }
  return pixels
}

let side = 48
let dataset = try ImageArrays(PixelMemory(makeImages(64, side: side)), shape: [64, side, side, 3])

var configuration = ModelConfiguration(preset: .official)
(configuration.rows, configuration.columns) = (6, 6)
(configuration.patchSize, configuration.patchGap, configuration.numVisible) = (8, 2, 6)
(configuration.width, configuration.depth, configuration.heads) = (64, 2, 4)
(configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (64, 1, 4)
configuration.projectorWidth = 128
let model = try LatentMIMModel(configuration, seed: 0)

var training = TrainingConfiguration(preset: .official)
(training.epochs, training.batchSize, training.warmupEpochs) = (5, 32, 0.5)
training.baseLearningRate = 4e-3
let trainer = try Trainer(model, dataset: dataset, configuration: training)
while let metrics = try trainer.next() {
  print("step \(metrics.step): loss \(metrics.batch.loss), chance \(configuration.lossBounds.chance)")
}

let path = CommandLine.arguments.dropFirst().first ?? "/tmp/latentmim-example.safetensors"
try model.save(to: path)
let encoder = try Encoder.load(from: path).encoder

let pixels = try Tensor(shape: [1, side, side, 3], values: makeImages(1, side: side).map { Float($0) / 255 })
let features = try encoder.features(normalized(pixels, for: configuration))
print("features: \(features.shape)")

let patches = Array(features.values.dropFirst(configuration.width))
let tree = try agglomerate(features: patches, count: configuration.numPatches, width: configuration.width)
let labels = try tree.labels(segments: 3)
for row in 0..<configuration.rows {
  print(labels[row * configuration.columns..<(row + 1) * configuration.columns].map(String.init).joined(separator: " "))
}
