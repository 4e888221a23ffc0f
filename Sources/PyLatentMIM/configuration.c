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

static PyObject *options(PyObject *self, PyObject *args) {
  (void)self;
  const char *name;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  char *list = NULL;
  lm_status status = lm_options(name, &list);
  return text_or_fail(status, list);
}

static PyObject *model_options_difference(PyObject *self, PyObject *args) {
  (void)self;
  const char *options, *preset;
  if (!PyArg_ParseTuple(args, "ss", &options, &preset)) return NULL;
  char *difference = NULL;
  lm_status status = lm_model_options_difference(options, preset, &difference);
  return text_or_fail(status, difference);
}

lm_views views_of(int64_t batch, int64_t blocks, const Py_buffer *visible, const Py_buffer *target, const Py_buffer *offsets) {
  return (lm_views){batch,       visible->shape[1], target->shape[1], offsets->shape[1], blocks,
                    visible->buf, target->buf,       offsets->buf};
}

static PyObject *views_sizes(PyObject *self, PyObject *args) {
  (void)self;
  const char *options;
  uint64_t seed;
  long long epoch;
  PyObject *image_array;
  if (!PyArg_ParseTuple(args, "sO&LO", &options, seed_value, &seed, &epoch, &image_array)) return NULL;
  ARRAY images = {0};
  if (!array_in(image_array, "images", INT64, 1, SHAPE(-1), &images)) return NULL;
  lm_views views = {.batch = images.view.shape[0]};
  lm_status status;
  WITHOUT_GIL(status = lm_views_sample(options, seed, epoch, images.view.buf, &views));
  if (status != LM_OK) return fail(status);
  return Py_BuildValue("(LLLL)", (long long)views.num_visible, (long long)views.num_target, (long long)views.num_patches,
                       (long long)views.target_blocks);
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
  ARRAY images = {0}, visible = {0}, target = {0}, offsets = {0};
  if (!array_in(image_array, "images", INT64, 1, SHAPE(-1), &images)) return NULL;
  int64_t batch = images.view.shape[0];
  if (!array_out(visible_array, "visible", INT32, 2, SHAPE(batch, -1), &visible) ||
      !array_out(target_array, "target", INT32, 2, SHAPE(batch, -1), &target) ||
      !array_out(offset_array, "offsets", INT32, 3, SHAPE(batch, -1, 2), &offsets)) {
    return NULL;
  }
  lm_views views = views_of(batch, 1, &visible.view, &target.view, &offsets.view);
  lm_status status;
  WITHOUT_GIL(status = lm_views_sample(options, seed, epoch, images.view.buf, &views));
  return none_or_fail(status);
}

PyMethodDef configuration_methods[] = {
    {"model_options", model_options, METH_VARARGS, "model_options(json) -> json, complete"},
    {"training_options", training_options, METH_VARARGS, "training_options(json) -> json, complete"},
    {"options", options, METH_VARARGS, "options(name of a list) -> json"},
    {"model_options_difference", model_options_difference, METH_VARARGS, "model_options_difference(json, preset) -> json"},
    {"views_sizes", views_sizes, METH_VARARGS,
     "views_sizes(json, seed, epoch, images) -> (visible, targets, patches of an image, target blocks)"},
    {"views_sample", views_sample, METH_VARARGS,
     "views_sample(json, seed, epoch, images, visible, target, offsets): the last three are written"},
    {NULL, NULL, 0, NULL},
};
