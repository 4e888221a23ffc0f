#include "private.h"

static const struct stored stored_model = {
    .kind = &model_kind,
    .load = LOAD_FUNCTION(lm_model_load),
    .from_arrays = ARRAYS_FUNCTION(lm_model_from_arrays),
    .configuration = CONFIGURATION_FUNCTION(lm_model_configuration),
    .release = RELEASE(lm_model_free),
};

static PyObject *model_create(PyObject *self, PyObject *args) {
  (void)self;
  const char *options;
  uint64_t seed;
  if (!PyArg_ParseTuple(args, "sO&", &options, seed_value, &seed)) return NULL;
  lm_model *model = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_model_create(options, seed, &model));
  return stored_with_remarks(&stored_model, status, model, NULL);
}

static PyObject *model_load(PyObject *self, PyObject *args) {
  (void)self;
  return stored_load(&stored_model, args);
}

static PyObject *model_from_arrays(PyObject *self, PyObject *args) {
  (void)self;
  return stored_from_arrays(&stored_model, args);
}

static PyObject *model_set_parameters(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  PyObject *dict;
  const char *title;
  if (!PyArg_ParseTuple(args, "O&Os", model_handle, &model, &dict, &title)) return NULL;
  NAMED_ARRAYS arrays = {0};
  if (!named_arrays_in(dict, &arrays)) return NULL;
  char *remarks = NULL;
  lm_status status;
  WITH(model, status = lm_model_set_parameters(model->raw, arrays.arrays, title, &remarks));
  return status == LM_OK ? take_text(remarks) : fail(status);
}

static PyObject *model_save(PyObject *self, PyObject *args) {
  (void)self;
  return path_call(args, model_handle, PATH_FUNCTION(lm_model_save));
}

static PyObject *model_configuration(PyObject *self, PyObject *args) {
  (void)self;
  return configuration_call(args, model_handle, CONFIGURATION_FUNCTION(lm_model_configuration));
}

static PyObject *model_loss_bounds(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  if (!PyArg_ParseTuple(args, "O&", model_handle, &model)) return NULL;
  double chance, floor;
  lm_model_loss_bounds(model->raw, &chance, &floor);
  return Py_BuildValue("(dd)", chance, floor);
}

static PyObject *describe(const lm_parameter *parameter) {
  PyObject *shape = PyTuple_New(parameter->dimensions);
  for (int i = 0; shape && i < parameter->dimensions; ++i) {
    PyObject *size = PyLong_FromLongLong(parameter->shape[i]);
    if (!size || PyTuple_SetItem(shape, i, size) != 0) Py_CLEAR(shape);
  }
  return shape ? Py_BuildValue("(sNO)", parameter->name, shape, parameter->trained ? Py_True : Py_False) : NULL;
}

static PyObject *model_parameters(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  if (!PyArg_ParseTuple(args, "O&", model_handle, &model)) return NULL;
  int64_t count = lm_model_parameter_count(model->raw);
  PyObject *list = PyList_New(0);
  for (int64_t i = 0; list && i < count; ++i) {
    lm_parameter parameter;
    lm_status status = lm_model_parameter(model->raw, i, &parameter);
    PyObject *entry = status == LM_OK ? describe(&parameter) : fail(status);
    if (!entry || PyList_Append(list, entry) != 0) Py_CLEAR(list);
    Py_XDECREF(entry);
  }
  return list;
}

typedef lm_status (*reader)(const lm_model *, int64_t, float *);

static PyObject *read_values(PyObject *args, reader read) {
  struct handle *model;
  long long index;
  PyObject *value_array;
  if (!PyArg_ParseTuple(args, "O&LO", model_handle, &model, &index, &value_array)) return NULL;
  lm_parameter parameter;
  lm_status status = lm_model_parameter(model->raw, index, &parameter);
  if (status != LM_OK) return fail(status);
  ARRAY values = {0};
  if (!array_out(value_array, parameter.name, FLOAT32, parameter.dimensions, parameter.shape, &values)) return NULL;
  WITH(model, status = read(model->raw, index, values.view.buf));
  return none_or_fail(status);
}

static PyObject *model_read_parameter(PyObject *self, PyObject *args) {
  (void)self;
  return read_values(args, lm_model_read_parameter);
}

static PyObject *model_read_gradient(PyObject *self, PyObject *args) {
  (void)self;
  return read_values(args, lm_model_read_gradient);
}

/// Crops of one view with the arrays that hold them.
struct viewed {
  struct array images, visible, target, offsets;
  lm_views views;
};

static void viewed_release(struct viewed *viewed) {
  array_release(&viewed->images);
  array_release(&viewed->visible);
  array_release(&viewed->target);
  array_release(&viewed->offsets);
}
#define VIEWED __attribute__((cleanup(viewed_release))) struct viewed

/// Images, and a tuple (visible, target, offsets, target blocks) for them.
static bool viewed_in(PyObject *images, PyObject *tuple, const int64_t *shape, struct viewed *viewed) {
  PyObject *visible, *target, *offsets;
  long long blocks;
  if (!array_in(images, "images", FLOAT32, 4, shape, &viewed->images)) return false;
  if (!PyArg_ParseTuple(tuple, "OOOL", &visible, &target, &offsets, &blocks)) return false;
  int64_t batch = viewed->images.view.shape[0];
  if (!array_in(visible, "views.visible", INT32, 2, SHAPE(batch, -1), &viewed->visible) ||
      !array_in(target, "views.target", INT32, 2, SHAPE(batch, -1), &viewed->target) ||
      !array_in(offsets, "views.offsets", INT32, 3, SHAPE(batch, -1, 2), &viewed->offsets)) {
    return false;
  }
  viewed->views = views_of(batch, blocks, &viewed->visible.view, &viewed->target.view, &viewed->offsets.view);
  return true;
}

static PyObject *model_loss(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  PyObject *image_array, *views, *target_array, *second_array, *second_views;
  double gamma;
  uint64_t seed;
  const char *precision;
  if (!PyArg_ParseTuple(args, "O&OO!OOOdO&s", model_handle, &model, &image_array, &PyTuple_Type, &views, &target_array,
                        &second_array, &second_views, &gamma, seed_value, &seed, &precision)) {
    return NULL;
  }
  const struct geometry *g = &model->geometry;
  const int64_t *shape = SHAPE(-1, g->crop_height, g->crop_width, g->channels);
  VIEWED first = {0}, second = {0};
  ARRAY target = {0};
  if (!viewed_in(image_array, views, shape, &first)) return NULL;
  lm_crops crops = {.images = first.images.view.buf, .views = &first.views};
  int64_t batch = first.views.batch;
  if (target_array != Py_None) {
    if (!array_in(target_array, "target_images", FLOAT32, 4, SHAPE(batch, shape[1], shape[2], shape[3]), &target)) return NULL;
    crops.target_images = target.view.buf;
  }
  if (second_array != Py_None) {
    if (!viewed_in(second_array, second_views, shape, &second)) return NULL;
    crops.second_images = second.images.view.buf;
    crops.second_views = &second.views;
  }
  lm_batch_metrics m;
  lm_status status;
  WITH(model, status = lm_model_loss(model->raw, &crops, gamma, seed, precision, &m));
  if (status != LM_OK) return fail(status);
  return Py_BuildValue("(dddddd)", m.loss, m.similarity_predictions, m.similarity_visible, m.similarity_targets,
                       m.similarity_images, m.effective_rank);
}

static PyObject *model_diagnose(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  lm_batch_metrics m = {0};
  if (!PyArg_ParseTuple(args, "O&ddd", model_handle, &model, &m.loss, &m.similarity_targets, &m.similarity_images)) {
    return NULL;
  }
  double position;
  char *meaning = NULL;
  lm_status status;
  WITH(model, status = lm_model_diagnose(model->raw, &m, &position, &meaning));
  if (status != LM_OK) return fail(status);
  return Py_BuildValue("dN", position, take_text(meaning));
}

static PyObject *model_clear_gradients(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  if (!PyArg_ParseTuple(args, "O&", model_handle, &model)) return NULL;
  WITH(model, lm_model_clear_gradients(model->raw));
  Py_RETURN_NONE;
}

static PyObject *model_update_target(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *model;
  double momentum;
  if (!PyArg_ParseTuple(args, "O&d", model_handle, &model, &momentum)) return NULL;
  lm_status status;
  WITH(model, status = lm_model_update_target(model->raw, momentum));
  return none_or_fail(status);
}

PyMethodDef model_methods[] = {
    {"model_create", model_create, METH_VARARGS, "model_create(json, seed) -> (model, None)"},
    {"model_load", model_load, METH_VARARGS, "model_load(path, options) -> (model, remarks or None)"},
    {"model_from_arrays", model_from_arrays, METH_VARARGS,
     "model_from_arrays(dict, title, json) -> (model, remarks or None)"},
    {"model_set_parameters", model_set_parameters, METH_VARARGS,
     "model_set_parameters(model, dict, title) -> remarks or None"},
    {"model_save", model_save, METH_VARARGS, "model_save(model, path)"},
    {"model_configuration", model_configuration, METH_VARARGS, "model_configuration(model) -> json"},
    {"model_loss_bounds", model_loss_bounds, METH_VARARGS, "model_loss_bounds(model) -> (chance, floor)"},
    {"model_parameters", model_parameters, METH_VARARGS, "model_parameters(model) -> [(name, shape, trained)]"},
    {"model_read_parameter", model_read_parameter, METH_VARARGS, "model_read_parameter(model, index, values)"},
    {"model_read_gradient", model_read_gradient, METH_VARARGS, "model_read_gradient(model, index, values)"},
    {"model_loss", model_loss, METH_VARARGS,
     "model_loss(model, images, views, target images or None, second images or None, their views, gamma, seed, precision) -> (loss, similarity of predictions, of visible tokens, of "
     "targets, between images, effective rank)"},
    {"model_diagnose", model_diagnose, METH_VARARGS,
     "model_diagnose(model, loss, similarity of targets, between images) -> (position, meaning)"},
    {"model_clear_gradients", model_clear_gradients, METH_VARARGS, "model_clear_gradients(model)"},
    {"model_update_target", model_update_target, METH_VARARGS, "model_update_target(model, momentum)"},
    {NULL, NULL, 0, NULL},
};
