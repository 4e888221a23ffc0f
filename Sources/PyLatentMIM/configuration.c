#include "private.h"

static PyObject *text_or_fail(lm_status status, char *text) { return status == LM_OK ? take_text(text) : fail(status); }

static PyObject *model_options(PyObject *self, PyObject *args) {
  (void)self;
  const char *options;
  if (!PyArg_ParseTuple(args, "s", &options)) return NULL;
  char *resolved = NULL;
  lm_status status = lm_model_options(options, &resolved);
  return text_or_fail(status, resolved);
}

static PyObject *training_options(PyObject *self, PyObject *args) {
  (void)self;
  const char *options;
  if (!PyArg_ParseTuple(args, "s", &options)) return NULL;
  char *resolved = NULL;
  lm_status status = lm_training_options(options, &resolved);
  return text_or_fail(status, resolved);
}

static PyObject *model_options_difference(PyObject *self, PyObject *args) {
  (void)self;
  const char *options, *preset;
  if (!PyArg_ParseTuple(args, "ss", &options, &preset)) return NULL;
  char *difference = NULL;
  lm_status status = lm_model_options_difference(options, preset, &difference);
  return text_or_fail(status, difference);
}

static PyObject *views_sample(PyObject *self, PyObject *args) {
  (void)self;
  const char *options;
  uint64_t seed;
  long long epoch;
  PyObject *image_array, *visible_array, *target_array, *offset_array;
  if (!PyArg_ParseTuple(args, "sO&LOOOO", &options, seed_value, &seed, &epoch, &image_array, &visible_array,
                        &target_array, &offset_array)) {
    return NULL;
  }
  struct geometry g;
  ARRAY images = {0}, visible = {0}, target = {0}, offsets = {0};
  if (!geometry_read(options, &g) || !array_in(image_array, "images", INT64, 1, SHAPE(-1), &images)) return NULL;
  int64_t batch = images.view.shape[0], cells = g.rows * g.columns;
  if (!array_out(visible_array, "visible", INT32, 2, SHAPE(batch, g.visible), &visible) ||
      !array_out(target_array, "target", INT32, 2, SHAPE(batch, cells - g.visible), &target) ||
      !array_out(offset_array, "offsets", INT32, 3, SHAPE(batch, cells, 2), &offsets)) {
    return NULL;
  }
  lm_views views = {batch, visible.view.buf, target.view.buf, offsets.view.buf};
  lm_status status;
  WITHOUT_GIL(status = lm_views_sample(options, seed, epoch, images.view.buf, &views));
  return none_or_fail(status);
}

PyMethodDef configuration_methods[] = {
    {"model_options", model_options, METH_VARARGS, "model_options(json) -> json, complete"},
    {"training_options", training_options, METH_VARARGS, "training_options(json) -> json, complete"},
    {"model_options_difference", model_options_difference, METH_VARARGS, "model_options_difference(json, preset) -> json"},
    {"views_sample", views_sample, METH_VARARGS,
     "views_sample(json, seed, epoch, images, visible, target, offsets): the last three are written"},
    {NULL, NULL, 0, NULL},
};
