#include "stored.h"

STORED(encoder)

METHOD(encoder_of_model, "model, /", "-> encoder") {
  ONLY(model);
  lm_encoder *encoder = NULL;
  CALL(model, lm_encoder_of_model(model->raw, &encoder));
  return encoder_new(encoder, args, model);
}

TEXT_OF(encoder, NULL, encoder_family, "-> str")

METHOD(encoder_has_class_token, "encoder, /", "-> bool") {
  ONLY(encoder);
  return PyBool_FromLong(lm_encoder_has_class_token(encoder->raw));
}

METHOD(encoder_features, "encoder, images, layer, norm, projector, extend_positions, precision, features, /",
       "features are written.") {
  struct handle *encoder;
  int layer, norm, projector, extend_positions;
  const char *precision;
  ARRAY images = PIXELS("images"), features = WRITTEN("features", FLOAT32, 3);
  PARSE("O&O&ipppsO&", encoder_handle, &encoder, array_argument, &images, &layer, &norm, &projector,
        &extend_positions, &precision, array_argument, &features);
  lm_pixels pixels = pixels_of(&images);
  // Sides that do not divide are refused below, with the nearest that do.
  int64_t side = encoder->sizes.patch_size;
  int64_t tokens = pixels.height / side * (pixels.width / side) + lm_encoder_has_class_token(encoder->raw);
  SHAPED(features, pixels.count, tokens, encoder->sizes.width);
  lm_tap tap = {.layer = layer, .norm = norm, .projector = projector, .extend_positions = extend_positions};
  DO(encoder, lm_encoder_features(encoder->raw, &pixels, tap, precision, DATA(features)));
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
