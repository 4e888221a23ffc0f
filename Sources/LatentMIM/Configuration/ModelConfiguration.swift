import Files
import Networks
import Tensors

/// Everything that makes a Latent MIM model, but its weights. Names are those of configuration files and of Python.
public struct ModelConfiguration: Sendable, Equatable {
  /// Grid cells: rows and columns.
  public var rows = 14
  public var columns = 14
  /// P, pixels; G, pixels; numbers per pixel.
  public var patchSize = 16
  public var patchGap = 4
  public var channels = 3
  public var cropRule = CropRule.grow
  public var gapOffset = GapOffset.exclusive
  public var positions = PositionRule.linspace
  /// Whether position tables are trained, starting from the fixed ones.
  public var learnPositions = false
  /// V, patches the online encoder sees. Means nothing with `multi_block` masks, which draw it.
  public var numVisible = 20
  public var mask = MaskRule.random
  /// Side of the squares that random masks are made of, in patches.
  public var maskBlock = 1
  public var maskedInput = MaskedInput.removed
  /// The encoder: C, blocks, heads, hidden width of the MLP as a multiple of C.
  public var width = 768
  public var depth = 12
  public var heads = 12
  public var mlpRatio = 4.0
  public var classToken = true
  /// R, tokens between the class token and the patches that hold nothing of the image; the decoder does not see them.
  public var registers = 0
  /// ε of the encoder's layer norms.
  public var normEpsilon = 1e-6
  /// What of the encoder is trained.
  public var trainLayers = TrainedLayers.all
  /// Rank of what is added to the weights of its blocks and trained in their place (Hu et al. 2022); 0: nothing is.
  public var loraRank = 0
  /// Shares of what the online branch drops in training: elements, and residual branches.
  public var dropout = 0.0
  public var dropPath = 0.0
  public var projector = ProjectorPlacement.both
  public var projectorWidth = 4096
  public var projectorDepth = 3
  /// Where targets come from: the encoder's weights, its first blocks (nil: all; 0: low-level targets), what it sees.
  public var targetEncoder = TargetOptimization.momentum
  public var targetDepth: Int?
  public var lowLevelTarget = LowLevelTarget.pixels
  public var targetSees = TargetInput.target
  /// 0: the encoder's output; else the mean of so many last blocks' normed outputs.
  public var targetLayers = 0
  public var targetNorm = TargetNorm.none
  public var targetView = TargetView.same
  /// Of the teacher, where targets are a frozen encoder's: its width, and a digest of its weights. Set from it.
  public var teacherWidth: Int?
  public var teacherDigest: String?
  /// The decoder: D, blocks, heads.
  public var decoder = DecoderKind.crossAttention
  public var decoderWidth = 512
  public var decoderDepth = 3
  public var decoderHeads = 16
  public var visualCues = true
  public var cueScale = CueScale.sqrt
  public var objective = ObjectiveKind.patchDiscrimination
  /// δ of the Huber losses.
  public var huberDelta = 1.0
  /// Whether predictions are standardised over the patches of an image before they are compared.
  public var standardizePredictions = true
  /// τ of patch discrimination.
  public var temperature = 0.2
  /// The loss is this multiple of τ times the cross-entropy.
  public var lossScale = 2.0
  public var negatives = Negatives.target
  /// Targets of one image whose cosine is above this are not each other's negatives; 1: all are.
  public var falseNegativeThreshold = 1.0
  public var similarityCoefficient = 0.1
  public var similarityForm = DeviationForm.batch
  public var similarityTokens = SimilarityTokens.projected
  /// The weight of MoCo v3's loss between two crops of each image, and its τ.
  public var contrastCoefficient = 0.0
  public var contrastTemperature = 0.2
  /// Pixels in 0 … 1 become (x − mean)/std, channel by channel, before the model sees them. ImageNet's by default.
  public var mean = [0.485, 0.456, 0.406]
  public var std = [0.229, 0.224, 0.225]

  public init() {}

  /// The grid of training crops: `rows` and `columns`, or what is left of them where crops stay small.
  public var trainingRows: Int { trained(rows) }
  public var trainingColumns: Int { trained(columns) }
  /// L, grid cells of training crops; T, target patches.
  public var numPatches: Int { trainingRows * trainingColumns }
  public var numTarget: Int { numPatches - numVisible }
  /// V and T; nil where masks draw them, batch by batch.
  public var patchCounts: (visible: Int, target: Int)? { mask == .multiBlock ? nil : (numVisible, numTarget) }
  /// Side of a cell of training crops, a patch and its gap, in pixels.
  public var cellSide: Int { patchSize + patchGap }
  /// The training crop, in pixels.
  public var cropHeight: Int { rows * (cropRule == .grow ? cellSide : patchSize) }
  public var cropWidth: Int { columns * (cropRule == .grow ? cellSide : patchSize) }
  /// The image without gaps, in pixels: what inference sees by default.
  public var imageHeight: Int { rows * patchSize }
  public var imageWidth: Int { columns * patchSize }

  /// Parameters of the encoder's blocks without biases and norms: a lower bound that takes no memory to find.
  var leastParameterCount: Int { depth * width * (4 * width + 2 * Int(Double(width) * mlpRatio)) }

  private func trained(_ cells: Int) -> Int { cropRule == .grow ? cells : cells * patchSize / cellSide }

  var patchGrid: PatchGrid {
    PatchGrid(
      rows: trainingRows, columns: trainingColumns, side: patchSize, gap: patchGap, height: cropHeight, width: cropWidth
    )
  }
  var positionTable: SinCosPositions {
    SinCosPositions(rows: trainingRows, columns: trainingColumns, rule: positions)
  }
  /// Blocks of the target encoder that are used.
  var usedTargetDepth: Int { targetDepth ?? depth }
}
