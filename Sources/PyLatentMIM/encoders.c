#include "stored.h"

STORED(encoder)

METHOD(encoder_of_model, "model, /", "-> encoder") {
  ONLY(model);
  lm_encoder *encoder = NULL;
  CALL(model, lm_encoder_of_model(model->raw, &encoder));
  return encoder_new(encoder, args, model);
}

TEXT_OF(encoder, NULL, encoder_family, "-> str")
TEXT_OF(encoder, encoder, encoder_fingerprint, "-> str")

TEXT_OF(encoder, NULL, encoder_description, "-> JSON: what its network is, and names and shapes of its tensors")

METHOD(encoder_read_tensors, "encoder, values, /", "values [n], of all tensors, are written.") {
  struct handle *encoder;
  ARRAY values = WRITTEN("values", FLOAT32, 1);
  PARSE("O&O&", encoder_handle, &encoder, array_argument, &values);
  DO(encoder, lm_encoder_read_tensors(encoder->raw, DATA(values), SIZE(values, 0)));
}

METHOD(weights_list, "path, /", "-> JSON: what a safetensors file, folder or index holds") {
  PATH path = {0};
  char *tensors = NULL;
  PARSE("O&", path_argument, &path);
  CALL(NULL, lm_weights_list(path.text, &tensors));
  return take_text(tensors);
}

METHOD(encoder_norm_pooled, "encoder, pooled, /", "pooled [n, width] is overwritten.") {
  struct handle *encoder;
  ARRAY pooled = WRITTEN("pooled", FLOAT32, 2);
  PARSE("O&O&", encoder_handle, &encoder, array_argument, &pooled);
  SHAPED(pooled, SIZE(pooled, 0), encoder->sizes.width);
  DO(encoder, lm_encoder_norm_pooled(encoder->raw, DATA(pooled), SIZE(pooled, 0)));
}

METHOD(encoder_has_class_token, "encoder, /", "-> bool") {
  ONLY(encoder);
  return PyBool_FromLong(lm_encoder_has_class_token(encoder->raw));
}

METHOD(encoder_grid, "encoder, height, width, stride, /", "-> (rows, columns, tokens, attended tokens)") {
  struct handle *encoder;
  long long height, width, stride;
  lm_grid grid;
  PARSE("O&LLL", encoder_handle, &encoder, &height, &width, &stride);
  CALL(NULL, lm_encoder_grid(encoder->raw, height, width, stride, &grid));
  return Py_BuildValue("(LLLL)", (long long)grid.rows, (long long)grid.columns, (long long)grid.tokens,
                       (long long)grid.attended_tokens);
}

METHOD(encoder_nearest_size, "encoder, height, width, short_side, stride, /", "-> (height, width)") {
  struct handle *encoder;
  long long height, width, short_side, stride;
  int64_t nearest_height, nearest_width;
  PARSE("O&LLLL", encoder_handle, &encoder, &height, &width, &short_side, &stride);
  CALL(NULL, lm_encoder_nearest_size(encoder->raw, height, width, short_side, stride, &nearest_height, &nearest_width));
  return Py_BuildValue("(LL)", (long long)nearest_height, (long long)nearest_width);
}

METHOD(encoder_features,
       "encoder, images, layers, part, norm, projector, extend_positions, stride, precision, features, /",
       "features [layers, B, tokens, C] are written.") {
  struct handle *encoder;
  int norm, projector, extend_positions;
  long long stride;
  const char *part, *precision;
  ARRAY images = PIXELS("images"), layers = READ("layers", INT32, 1), features = WRITTEN("features", FLOAT32, 4);
  PARSE("O&O&O&spppLsO&", encoder_handle, &encoder, array_argument, &images, array_argument, &layers, &part,
        &norm, &projector, &extend_positions, &stride, &precision, array_argument, &features);
  lm_pixels pixels = pixels_of(&images);
  lm_grid grid;
  CALL(NULL, lm_encoder_grid(encoder->raw, pixels.height, pixels.width, stride, &grid));
  SHAPED(features, SIZE(layers, 0), pixels.count, grid.tokens, encoder->sizes.width);
  lm_tap tap = {.layers = DATA(layers), .layer_count = SIZE(layers, 0), .part = part, .norm = norm,
                .projector = projector, .extend_positions = extend_positions, .stride = stride};
  DO(encoder, lm_encoder_features(encoder->raw, &pixels, tap, precision, DATA(features)));
}

METHOD(encoder_attention, "encoder, images, layer, queries, extend_positions, stride, precision, weights, /",
       "weights [B, heads, queries, tokens] are written; queries may be None: all.") {
  struct handle *encoder;
  int layer, extend_positions;
  long long stride;
  const char *precision;
  ARRAY images = PIXELS("images"), queries = READ("queries", INT32, 1), weights = WRITTEN("weights", FLOAT32, 4);
  PARSE("O&O&iO&pLsO&", encoder_handle, &encoder, array_argument, &images, &layer, optional_array, &queries,
        &extend_positions, &stride, &precision, array_argument, &weights);
  lm_pixels pixels = pixels_of(&images);
  lm_grid grid;
  CALL(NULL, lm_encoder_grid(encoder->raw, pixels.height, pixels.width, stride, &grid));
  int64_t rows = queries.is_held ? SIZE(queries, 0) : grid.attended_tokens;
  SHAPED(weights, pixels.count, encoder->sizes.heads, rows, grid.attended_tokens);
  lm_tap tap = {.layers = &(int32_t){layer}, .layer_count = 1, .extend_positions = extend_positions,
                .stride = stride};
  DO(encoder, lm_encoder_attention(encoder->raw, &pixels, tap, DATA(queries), queries.is_held ? rows : 0, precision,
                                   DATA(weights)));
}

METHOD(encoder_spread, "encoder, images, precision, ranks, similarities, /", "The last two [depth + 1] are written.") {
  struct handle *encoder;
  const char *precision;
  ARRAY images = PIXELS("images"), ranks = WRITTEN("ranks", FLOAT64, 1);
  ARRAY similarities = WRITTEN("similarities", FLOAT64, 1);
  PARSE("O&O&sO&O&", encoder_handle, &encoder, array_argument, &images, &precision, array_argument, &ranks,
        array_argument, &similarities);
  SHAPED(ranks, encoder->sizes.depth + 1);
  SHAPED(similarities, encoder->sizes.depth + 1);
  lm_pixels pixels = pixels_of(&images);
  DO(encoder, lm_encoder_spread(encoder->raw, &pixels, precision, DATA(ranks), DATA(similarities)));
}

METHOD(encoder_features_width, "encoder, options, /", "-> numbers in the vector of an image") {
  struct handle *encoder;
  const char *options;
  int64_t width;
  PARSE("O&s", encoder_handle, &encoder, &options);
  CALL(NULL, lm_encoder_features_width(encoder->raw, options, &width));
  return PyLong_FromLongLong(width);
}

METHOD(encoder_dataset_features, "encoder, dataset, indices, options, features, /", "features [n, width] are written.") {
  struct handle *encoder, *dataset;
  int64_t width;
  const char *options;
  ARRAY indices = READ("indices", INT64, 1), features = WRITTEN("features", FLOAT32, 2);
  PARSE("O&O&O&sO&", encoder_handle, &encoder, dataset_handle, &dataset, array_argument, &indices, &options,
        array_argument, &features);
  CALL(NULL, lm_encoder_features_width(encoder->raw, options, &width));
  SHAPED(features, SIZE(indices, 0), width);
  DO(encoder, lm_encoder_dataset_features(encoder->raw, dataset->raw, DATA(indices), SIZE(indices, 0), options,
                                                 DATA(features)));
}
