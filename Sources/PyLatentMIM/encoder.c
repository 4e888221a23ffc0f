#include "private.h"

static PyObject *new_encoder(lm_status status, lm_encoder *encoder, PyObject *keeps, struct handle *root) {
  if (status != LM_OK) return fail(status);
  char *configuration = NULL;
  struct geometry geometry;
  status = lm_encoder_configuration(encoder, &configuration);
  bool is_read = status == LM_OK ? geometry_take(configuration, &geometry) : fail(status) != NULL;
  if (!is_read) {
    lm_encoder_free(encoder);
    return NULL;
  }
  return handle_new(encoder_kind, encoder, RELEASE(lm_encoder_free), keeps, root, &geometry);
}

static PyObject *encoder_of_model(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *capsule;
  struct handle *model;
  if (!PyArg_ParseTuple(args, "O", &capsule) || !model_handle(capsule, &model)) return NULL;
  lm_encoder *encoder = NULL;
  lm_status status;
  WITH(model, status = lm_encoder_of_model(model->raw, &encoder));
  return new_encoder(status, encoder, capsule, model);
}

/// The encoder and what was noticed about its file: (capsule, text or None).
static PyObject *loaded(lm_status status, lm_encoder *encoder, char *remarks) {
  SCOPED *capsule = new_encoder(status, encoder, NULL, NULL);
  SCOPED *text = take_text(remarks);
  return capsule && text ? PyTuple_Pack(2, capsule, text) : NULL;
}

static PyObject *encoder_load(PyObject *self, PyObject *args) {
  (void)self;
  SCOPED *path = NULL;
  if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
  const char *name = PyBytes_AsString(path);
  lm_encoder *encoder = NULL;
  char *remarks = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_encoder_load(name, &encoder, &remarks));
  return loaded(status, encoder, remarks);
}

static PyObject *encoder_from_arrays(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *dict;
  const char *title, *options;
  if (!PyArg_ParseTuple(args, "Oss", &dict, &title, &options)) return NULL;
  NAMED_ARRAYS arrays = {0};
  if (!named_arrays_in(dict, &arrays)) return NULL;
  lm_encoder *encoder = NULL;
  char *remarks = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_encoder_from_arrays(arrays.arrays, title, options, &encoder, &remarks));
  return loaded(status, encoder, remarks);
}

static PyObject *encoder_save(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  SCOPED *path = NULL;
  if (!PyArg_ParseTuple(args, "O&O&", encoder_handle, &encoder, PyUnicode_FSConverter, &path)) return NULL;
  const char *name = PyBytes_AsString(path);
  lm_status status;
  WITH(encoder, status = lm_encoder_save(encoder->raw, name));
  return none_or_fail(status);
}

static PyObject *encoder_configuration(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  if (!PyArg_ParseTuple(args, "O&", encoder_handle, &encoder)) return NULL;
  char *options = NULL;
  lm_status status = lm_encoder_configuration(encoder->raw, &options);
  return status == LM_OK ? take_text(options) : fail(status);
}

static PyObject *encoder_features(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder;
  PyObject *pixel_array, *feature_array;
  int layer, norm, projector, extend;
  if (!PyArg_ParseTuple(args, "O&OipppO", encoder_handle, &encoder, &pixel_array, &layer, &norm, &projector, &extend,
                        &feature_array)) {
    return NULL;
  }
  ARRAY images = {0}, features = {0};
  lm_pixels pixels;
  if (!pixels_in(pixel_array, "images", &images, &pixels)) return NULL;
  const struct geometry *g = &encoder->geometry;
  // Sides that do not divide are refused below, with the nearest that do.
  int64_t tokens = pixels.height / g->patch * (pixels.width / g->patch) + 1;
  if (!array_out(feature_array, "features", FLOAT32, 3, SHAPE(pixels.count, tokens, g->width), &features)) return NULL;
  lm_tap tap = {.layer = layer, .norm = norm, .projector = projector, .extend_positions = extend};
  lm_status status;
  WITH(encoder, status = lm_encoder_features(encoder->raw, &pixels, tap, features.view.buf));
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
  int64_t count = indices.view.shape[0];
  if (!array_out(feature_array, "features", FLOAT32, 2, SHAPE(count, encoder->geometry.width), &features)) return NULL;
  lm_status status;
  WITH(encoder, status = lm_encoder_dataset_features(encoder->raw, dataset->raw, indices.view.buf, count, options,
                                                     features.view.buf));
  return none_or_fail(status);
}

PyMethodDef encoder_methods[] = {
    {"encoder_of_model", encoder_of_model, METH_VARARGS, "encoder_of_model(model) -> encoder"},
    {"encoder_load", encoder_load, METH_VARARGS, "encoder_load(path) -> (encoder, remarks or None)"},
    {"encoder_from_arrays", encoder_from_arrays, METH_VARARGS,
     "encoder_from_arrays(dict, title, json) -> (encoder, remarks or None)"},
    {"encoder_save", encoder_save, METH_VARARGS, "encoder_save(encoder, path)"},
    {"encoder_configuration", encoder_configuration, METH_VARARGS, "encoder_configuration(encoder) -> json"},
    {"encoder_features", encoder_features, METH_VARARGS,
     "encoder_features(encoder, images, layer, norm, projector, extend_positions, features): features are written"},
    {"encoder_dataset_features", encoder_dataset_features, METH_VARARGS,
     "encoder_dataset_features(encoder, dataset, indices, json, features): features are written"},
    {NULL, NULL, 0, NULL},
};
