import CLatentMIM
import LatentMIMABI
import Testing

/// Sizes that no memory has, as an uninitialised number or bytes in the wrong order give them: a status, never the end
/// of the process. Behind every pointer there are a few values only.
@Suite struct SizesTests {
  static let absurd: [Int64] = [.min, -1, 1 << 40, 1 << 50, 1 << 62, .max]

  /// Refused as a value or for memory, with a message.
  private func refuses(_ status: lm_status, _ what: String) {
    #expect([LM_VALUE, LM_MEMORY].contains(status), "\(what): status \(status.rawValue)")
    #expect(lm_last_error().map { String(cString: $0) } != "", "\(what)")
  }

  private let floats = UnsafeMutablePointer<Float>.allocate(capacity: 1 << 12)
  private let doubles = UnsafeMutablePointer<Double>.allocate(capacity: 1 << 8)
  private let indices = UnsafeMutablePointer<Int64>.allocate(capacity: 1 << 8)
  private let cells = UnsafeMutablePointer<Int32>.allocate(capacity: 1 << 12)

  init() {
    floats.initialize(repeating: 0.5, count: 1 << 12)
    doubles.initialize(repeating: 0, count: 1 << 8)
    indices.initialize(repeating: 0, count: 1 << 8)
    cells.initialize(repeating: 0, count: 1 << 12)
  }

  private static let options = """
    {"width": 16, "depth": 1, "heads": 1, "grid": 4, "patch_size": 4, "patch_gap": 2, "num_visible": 4, "decoder_width": 16,
    "decoder_depth": 1, "decoder_heads": 1, "projector_width": 16}
    """

  private func pixels(_ change: (inout lm_pixels) -> Void = { _ in }) -> lm_pixels {
    var pixels = lm_pixels(values: floats, type: LM_FLOAT32, count: 2, height: 16, width: 16, channels: 3)
    change(&pixels)
    return pixels
  }

  private func tap(_ change: (inout lm_tap) -> Void = { _ in }) -> lm_tap {
    var tap = lm_tap(
      layers: nil, layer_count: 0, part: nil, norm: true, projector: false, extend_positions: false, stride: 0)
    change(&tap)
    return tap
  }

  /// Pixels with one size changed, each in turn.
  private func pixelCases(_ size: Int64) -> [(String, lm_pixels)] {
    [
      ("count \(size)", pixels { $0.count = size }), ("height \(size)", pixels { $0.height = size }),
      ("width \(size)", pixels { $0.width = size }), ("channels \(size)", pixels { $0.channels = size }),
    ]
  }

  @Test(arguments: absurd) func runtime(size: Int64) {
    refuses(lm_set_thread_count(size), "lm_set_thread_count")
    var flops = 0.0
    for place in 0..<3 {
      var sizes: [Int64] = [8, 8, 8]
      sizes[place] = size
      refuses(
        lm_measure_product("forward", sizes[0], sizes[1], sizes[2], "float32", 0.001, &flops),
        "lm_measure_product \(sizes)")
    }
    refuses(lm_measure_peak("float32", Double(size) * 1e9, &flops), "lm_measure_peak")
  }

  @Test(arguments: absurd) func images(size: Int64) {
    for (what, var pixels) in pixelCases(size) { refuses(lm_resize(&pixels, 4, 4, floats), "lm_resize: \(what)") }
    var whole = pixels()
    refuses(lm_resize(&whole, size, 4, floats), "lm_resize: height")
    refuses(lm_resize(&whole, 4, size, floats), "lm_resize: width")
  }

  @Test(arguments: absurd) func datasets(size: Int64) {
    for (what, var pixels) in pixelCases(size) {
      var handle: OpaquePointer?
      refuses(lm_dataset_arrays(&pixels, indices, nil, 0, &handle), "lm_dataset_arrays: \(what)")
    }
    var (whole, dataset, image): (lm_pixels, OpaquePointer?, OpaquePointer?) = (pixels(), nil, nil)
    #expect(lm_dataset_arrays(&whole, indices, nil, 0, &dataset) == LM_OK)
    defer { lm_release(UnsafeMutableRawPointer(dataset)) }
    refuses(lm_dataset_image(dataset, size, &image), "lm_dataset_image")
    refuses(lm_dataset_crops(dataset, indices, size, Self.options, "{}", 0, floats), "lm_dataset_crops")
    refuses(lm_dataset_resized(dataset, indices, size, 0, 4, 4, floats), "lm_dataset_resized: count")
    refuses(lm_dataset_resized(dataset, indices, 1, 0, size, 4, floats), "lm_dataset_resized: height")
    refuses(lm_dataset_resized(dataset, indices, 1, 0, 4, size, floats), "lm_dataset_resized: width")
    if size > 0 { refuses(lm_dataset_resized(dataset, indices, 1, size, 4, 4, floats), "lm_dataset_resized: resize") }
  }

  @Test(arguments: absurd) func models(size: Int64) {
    var model: OpaquePointer?
    #expect(lm_model_create(Self.options, 0, &model) == LM_OK)
    defer { lm_release(UnsafeMutableRawPointer(model)) }
    var parameter = lm_parameter()
    refuses(lm_model_parameter(model, size, &parameter), "lm_model_parameter")
    refuses(lm_model_read_parameter(model, size, floats), "lm_model_read_parameter")
    refuses(lm_model_read_gradient(model, size, floats), "lm_model_read_gradient")
    [size, 3].withUnsafeBufferPointer { shape in
      "x".withCString { name in
        var array = lm_array(name: name, shape: shape.baseAddress, dimensions: 2, values: floats)
        refuses(lm_model_set_parameters(model, &array, 1, "arrays", nil), "lm_model_set_parameters: shape")
        if size < 0 || size > 1 << 60 {
          refuses(lm_model_set_parameters(model, &array, size, "arrays", nil), "lm_model_set_parameters: count")
        }
        array.dimensions = Int32(truncatingIfNeeded: size >> 8) | 64
        refuses(lm_model_set_parameters(model, &array, 1, "arrays", nil), "lm_model_set_parameters: dimensions")
      }
    }
    let changes: [(String, (inout lm_views) -> Void)] = [
      ("batch", { $0.batch = size }), ("num_visible", { $0.num_visible = size }),
      ("num_target", { $0.num_target = size }), ("num_patches", { $0.num_patches = size }),
      ("target_blocks", { $0.target_blocks = size }),
    ]
    for (what, change) in changes {
      var views = lm_views(
        batch: 1, num_visible: 4, num_target: 12, num_patches: 16, target_blocks: 1, visible: cells, target: cells,
        offsets: cells)
      change(&views)
      withUnsafePointer(to: views) { views in
        var crops = lm_crops(
          images: floats, views: views, target_images: nil, second_images: nil, second_views: nil)
        refuses(lm_model_loss(model, &crops, 0, 0, nil, nil, nil), "lm_model_loss: \(what)")
      }
    }
    var views = lm_views()
    views.batch = size
    refuses(lm_views_sample(Self.options, 0, 0, indices, &views), "lm_views_sample")
  }

  @Test(arguments: absurd) func encoders(size: Int64) {
    var (model, encoder, dataset): (OpaquePointer?, OpaquePointer?, OpaquePointer?)
    var whole = pixels()
    #expect(lm_model_create(Self.options, 0, &model) == LM_OK && lm_encoder_of_model(model, &encoder) == LM_OK)
    #expect(lm_dataset_arrays(&whole, nil, nil, 0, &dataset) == LM_OK)
    defer {
      lm_release(UnsafeMutableRawPointer(encoder))
      lm_release(UnsafeMutableRawPointer(model))
      lm_release(UnsafeMutableRawPointer(dataset))
    }
    let last = tap()
    for (what, var pixels) in pixelCases(size) {
      refuses(lm_encoder_features(encoder, &pixels, last, nil, floats), "lm_encoder_features: \(what)")
      refuses(lm_encoder_spread(encoder, &pixels, nil, doubles, doubles), "lm_encoder_spread: \(what)")
      refuses(lm_encoder_attention(encoder, &pixels, last, nil, 0, nil, floats), "lm_encoder_attention: \(what)")
    }
    let far = [Int32(clamping: size) &- 2]
    far.withUnsafeBufferPointer { layers in
      for (what, tap) in [
        ("layer", tap { ($0.layers, $0.layer_count) = (layers.baseAddress, 1) }),
        ("layers", tap { ($0.layers, $0.layer_count) = (layers.baseAddress, size) }),
        ("stride", tap { $0.stride = size }),
      ] {
        refuses(lm_encoder_features(encoder, &whole, tap, nil, floats), "lm_encoder_features: \(what)")
        refuses(lm_encoder_attention(encoder, &whole, tap, nil, 0, nil, floats), "lm_encoder_attention: \(what)")
      }
      let row = layers.baseAddress
      refuses(lm_encoder_attention(encoder, &whole, last, row, 1, nil, floats), "lm_encoder_attention: query")
      refuses(lm_encoder_attention(encoder, &whole, last, row, size, nil, floats), "lm_encoder_attention: queries")
    }
    var (grid, height, width) = (lm_grid(), Int64(0), Int64(0))
    for (rows, columns, stride) in [(size, 16, 4), (16, size, 4), (16, 16, size)] {
      refuses(lm_encoder_grid(encoder, rows, columns, stride, &grid), "lm_encoder_grid")
      refuses(lm_encoder_nearest_size(encoder, rows, columns, 0, stride, &height, &width), "lm_encoder_nearest_size")
    }
    refuses(lm_encoder_nearest_size(encoder, 16, 16, size, 0, &height, &width), "lm_encoder_nearest_size: short side")
    refuses(lm_encoder_grid(encoder, 16, 16, 0, nil), "lm_encoder_grid: nowhere to write")
    refuses(
      lm_encoder_dataset_features(encoder, dataset, indices, size, "{}", floats), "lm_encoder_dataset_features")
  }

  @Test(arguments: absurd) func evaluation(size: Int64) {
    for place in 0..<3 {
      var sizes: [Int64] = [2, 3, 4]
      sizes[place] = size
      refuses(lm_pool(floats, sizes[0], sizes[1], sizes[2], true, "mean", 1, floats), "lm_pool \(sizes)")
    }
    refuses(lm_pool(floats, 2, 3, 4, true, "topk_mean", size, floats), "lm_pool: k")
    for (count, width) in [(size, 4), (4, size)] {
      var features = lm_labelled_features(values: floats, labels: indices, count: count, width: width)
      var report: UnsafeMutablePointer<CChar>?
      refuses(
        lm_evaluate_features(nil, &features, "", "[{\"protocol\": \"nn\"}]", nil, nil, &report), "lm_evaluate_features")
    }
  }

  @Test(arguments: absurd) func segmentation(size: Int64) {
    cells.update(repeating: 0, count: 1 << 12)
    for (count, width) in [(size, 4), (4, size)] {
      refuses(lm_normalize_rows(floats, count, width), "lm_normalize_rows")
      refuses(lm_agglomerate(floats, count, width, "ward", 0, 0, doubles), "lm_agglomerate")
    }
    refuses(lm_agglomerate(floats, 4, 4, "ward", size, 4, doubles), "lm_agglomerate: rows")
    refuses(lm_agglomerate(floats, 4, 4, "ward", 4, size, doubles), "lm_agglomerate: columns")
    refuses(lm_cut(doubles, size, 2, cells), "lm_cut: count")
    refuses(lm_cut(doubles, 4, 2, cells), "lm_cut: merges")
    #expect(lm_agglomerate(floats, 4, 4, "ward", 0, 0, doubles) == LM_OK)
    refuses(lm_cut(doubles, 4, size, cells), "lm_cut: segments")
    for place in 0..<4 {
      var sizes: [Int64] = [2, 2, 2, 2]
      sizes[place] = size
      refuses(
        lm_upsample_labels(cells, sizes[0], sizes[1], sizes[2], sizes[3], "nearest", cells),
        "lm_upsample_labels \(sizes)")
      let step = lm_refine_labels(cells, floats, sizes[0], sizes[1], sizes[2], sizes[3], 0.1, cells)
      if place < 3 || size < 1 { refuses(step, "lm_refine_labels \(sizes)") }
      refuses(
        lm_upsample_features(cells, floats, sizes[0], sizes[1], floats, 1, sizes[2], sizes[3], 2, cells),
        "lm_upsample_features \(sizes)")
      if place < 3 {
        refuses(
          lm_segment_means(floats, cells, sizes[0], sizes[1], sizes[2], floats + 16), "lm_segment_means \(sizes)")
      }
    }
    refuses(lm_cut_levels(doubles, 4, indices, size, cells), "lm_cut_levels: depths")
    refuses(lm_cut_levels(doubles, size, indices, 1, cells), "lm_cut_levels: count")
  }
}
