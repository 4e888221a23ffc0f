#include "private.h"

static const struct stored stored_encoder = {
    .kind = &encoder_kind,
    .load = LOAD_FUNCTION(lm_encoder_load),
    .from_arrays = ARRAYS_FUNCTION(lm_encoder_from_arrays),
    .configuration = CONFIGURATION_FUNCTION(lm_encoder_configuration),
    .release = RELEASE(lm_encoder_free),
};

static PyObject *encoder_of_model(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *capsule;
  struct handle *model;
  if (!PyArg_ParseTuple(args, "O", &capsule) || !model_handle(capsule, &model)) return NULL;
  lm_encoder *encoder = NULL;
  lm_status status;
  WITH(model, status = lm_encoder_of_model(model->raw, &encoder));
  return stored_new(&stored_encoder, status, encoder, capsule, model);
}

static PyObject *encoder_load(PyObject *self, PyObject *args) {
  (void)self;
  return stored_load(&stored_encoder, args);
}

static PyObject *encoder_from_arrays(PyObject *self, PyObject *args) {
  (void)self;
  return stored_from_arrays(&stored_encoder, args);
}

static PyObject *encoder_save(PyObject *self, PyObject *args) {
  (void)self;
  return path_call(args, encoder_handle, PATH_FUNCTION(lm_encoder_save));
}

static PyObject *encoder_configuration(PyObject *self, PyObject *args) {
  (void)self;
  return configuration_call(args, encoder_handle, CONFIGURATION_FUNCTION(lm_encoder_configuration));
}

static PyObject *encoder_family(PyObject *self, PyObject *args) {
  (void)self;
  return configuration_call(args, encoder_handle, CONFIGURATION_FUNCTION(lm_encoder_family));
}

static PyObject *encoder_has_class_token(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  if (!PyArg_ParseTuple(args, "O&", encoder_handle, &encoder)) return NULL;
  return PyBool_FromLong(lm_encoder_has_class_token(encoder->raw));
}

static PyObject *encoder_features(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  PyObject *pixel_array, *feature_array;
  int layer, norm, projector, extend;
  const char *precision;
  if (!PyArg_ParseTuple(args, "O&OipppsO", encoder_handle, &encoder, &pixel_array, &layer, &norm, &projector, &extend,
                        &precision, &feature_array)) {
    return NULL;
  }
  ARRAY images = {0}, features = {0};
  lm_pixels pixels;
  if (!pixels_in(pixel_array, "images", &images, &pixels)) return NULL;
  const struct geometry *g = &encoder->geometry;
  // Sides that do not divide are refused below, with the nearest that do.
  int64_t tokens = pixels.height / g->patch * (pixels.width / g->patch) + lm_encoder_has_class_token(encoder->raw);
  if (!array_out(feature_array, "features", FLOAT32, 3, SHAPE(pixels.count, tokens, g->width), &features)) return NULL;
  lm_tap tap = {.layer = layer, .norm = norm, .projector = projector, .extend_positions = extend};
  lm_status status;
  WITH(encoder, status = lm_encoder_features(encoder->raw, &pixels, tap, precision, features.view.buf));
  return none_or_fail(status);
}

static PyObject *encoder_spread(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  PyObject *pixel_array, *rank_array, *similarity_array;
  const char *precision;
  if (!PyArg_ParseTuple(args, "O&OsOO", encoder_handle, &encoder, &pixel_array, &precision, &rank_array,
                        &similarity_array)) {
    return NULL;
  }
  ARRAY images = {0}, ranks = {0}, similarities = {0};
  lm_pixels pixels;
  const int64_t *layers = SHAPE(encoder->geometry.depth + 1);
  if (!pixels_in(pixel_array, "images", &images, &pixels) ||
      !array_out(rank_array, "ranks", FLOAT64, 1, layers, &ranks) ||
      !array_out(similarity_array, "similarities", FLOAT64, 1, layers, &similarities)) {
    return NULL;
  }
  lm_status status;
  WITH(encoder, status = lm_encoder_spread(encoder->raw, &pixels, precision, ranks.view.buf, similarities.view.buf));
  return none_or_fail(status);
}

static PyObject *encoder_dataset_features(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder, *dataset;
  PyObject *index_array, *feature_array;
  const char *options;
  if (!PyArg_ParseTuple(args, "O&O&OsO", encoder_handle, &encoder, dataset_handle, &dataset, &index_array, &options,
                        &feature_array)) {
    return NULL;
  }
  ARRAY indices = {0}, features = {0};
  if (!array_in(index_array, "indices", INT64, 1, SHAPE(-1), &indices)) return NULL;
  int64_t count = indices.view.shape[0], width;
  lm_status status = lm_encoder_features_width(encoder->raw, options, &width);
  if (status != LM_OK) return fail(status);
  if (!array_out(feature_array, "features", FLOAT32, 2, SHAPE(count, width), &features)) return NULL;
  WITH(encoder, status = lm_encoder_dataset_features(encoder->raw, dataset->raw, indices.view.buf, count, options,
                                                     features.view.buf));
  return none_or_fail(status);
}

static PyObject *encoder_features_width(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  const char *options;
  if (!PyArg_ParseTuple(args, "O&s", encoder_handle, &encoder, &options)) return NULL;
  int64_t width;
  lm_status status = lm_encoder_features_width(encoder->raw, options, &width);
  return status == LM_OK ? PyLong_FromLongLong(width) : fail(status);
}

PyObject *encoder_new(lm_status status, lm_encoder *encoder) {
  return stored_new(&stored_encoder, status, encoder, NULL, NULL);
}

PyMethodDef encoder_methods[] = {
    {"encoder_of_model", encoder_of_model, METH_VARARGS, "encoder_of_model(model) -> encoder"},
    {"encoder_load", encoder_load, METH_VARARGS, "encoder_load(path, options) -> (encoder, remarks or None)"},
    {"encoder_from_arrays", encoder_from_arrays, METH_VARARGS,
     "encoder_from_arrays(dict, title, json) -> (encoder, remarks or None)"},
    {"encoder_save", encoder_save, METH_VARARGS, "encoder_save(encoder, path)"},
    {"encoder_configuration", encoder_configuration, METH_VARARGS, "encoder_configuration(encoder) -> json"},
    {"encoder_family", encoder_family, METH_VARARGS, "encoder_family(encoder) -> name"},
    {"encoder_has_class_token", encoder_has_class_token, METH_VARARGS, "encoder_has_class_token(encoder) -> bool"},
    {"encoder_features", encoder_features, METH_VARARGS,
     "encoder_features(encoder, images, layer, norm, projector, extend_positions, precision, features): features are written"},
    {"encoder_spread", encoder_spread, METH_VARARGS,
     "encoder_spread(encoder, images, precision, ranks, similarities): the last two are written"},
    {"encoder_features_width", encoder_features_width, METH_VARARGS, "encoder_features_width(encoder, json) -> number"},
    {"encoder_dataset_features", encoder_dataset_features, METH_VARARGS,
     "encoder_dataset_features(encoder, dataset, indices, json, features): features are written"},
    {NULL, NULL, 0, NULL},
};
