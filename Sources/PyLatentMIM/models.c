#include "stored.h"

STORED(model)

METHOD(model_create, "options, seed, /", "-> model") {
  const char *options;
  uint64_t seed;
  lm_model *model = NULL;
  PARSE("sO&", &options, seed_argument, &seed);
  CALL(NULL, lm_model_create(options, seed, &model));
  return model_new(model, NULL, NULL);
}

static int optional_encoder(PyObject *capsule, void *handle) {
  return capsule == Py_None || encoder_handle(capsule, handle);
}

METHOD(model_begin, "options, start, teacher, seed, /", "-> model; start and teacher may be None") {
  const char *options;
  struct handle *start = NULL, *teacher = NULL;
  uint64_t seed;
  lm_model *model = NULL;
  PARSE("sO&O&O&", &options, optional_encoder, &start, optional_encoder, &teacher, seed_argument, &seed);
  CALL(start, lm_model_begin(options, start ? start->raw : NULL, teacher ? teacher->raw : NULL, seed, &model));
  return model_new(model, NULL, NULL);
}

METHOD(model_set_teacher, "model, teacher, /", "") {
  struct handle *model, *teacher;
  PARSE("O&O&", model_handle, &model, encoder_handle, &teacher);
  DO(model, lm_model_set_teacher(model->raw, teacher->raw));
}

METHOD(model_set_parameters, "model, arrays, title, /", "-> remarks or None") {
  struct handle *model;
  NAMED_ARRAYS arrays = {0};
  const char *title;
  char *remarks = NULL;
  PARSE("O&O&s", model_handle, &model, named_arrays_argument, &arrays, &title);
  CALL(model, lm_model_set_parameters(model->raw, arrays.list, arrays.count, title, &remarks));
  return take_text(remarks);
}

METHOD(model_loss_bounds, "model, /", "-> (chance, floor)") {
  ONLY(model);
  double chance, floor;
  lm_model_loss_bounds(model->raw, &chance, &floor);
  return Py_BuildValue("(dd)", chance, floor);
}

NUMBER_OF(model, model_parameter_count)

METHOD(model_parameter, "model, index, /", "-> (name, shape, trained)") {
  struct handle *model;
  long long index;
  lm_parameter parameter;
  PARSE("O&L", model_handle, &model, &index);
  CALL(NULL, lm_model_parameter(model->raw, index, &parameter));
  PyObject *shape = PyTuple_New(parameter.dimensions);
  for (int i = 0; shape && i < parameter.dimensions; ++i) {
    PyObject *size = PyLong_FromLongLong(parameter.shape[i]);
    if (!size || PyTuple_SetItem(shape, i, size) != 0) Py_CLEAR(shape);
  }
  return Py_BuildValue("(sNO)", parameter.name, shape, parameter.trained ? Py_True : Py_False);
}

/// Reads a parameter's values or its gradient into an array of its shape.
static PyObject *read_values(struct handle *model, long long index, struct array *values,
                             lm_status (*read)(const lm_model *, int64_t, float *)) {
  lm_parameter parameter;
  CALL(NULL, lm_model_parameter(model->raw, index, &parameter));
  values->name = parameter.name;
  values->dimensions = parameter.dimensions;
  if (!has_shape(values, parameter.shape)) return NULL;
  DO(model, read(model->raw, index, values->view.buf));
}

#define READS(function)                                                      \
  METHOD(function, "model, index, values, /", "values are written.") {       \
    struct handle *model;                                                    \
    long long index;                                                         \
    ARRAY values = WRITTEN("values", FLOAT32, -1);                           \
    PARSE("O&LO&", model_handle, &model, &index, array_argument, &values);   \
    return read_values(model, index, &values, lm_##function);                \
  }
READS(model_read_parameter)
READS(model_read_gradient)

PyObject *metrics_new(const lm_metrics *metrics) {
  PyObject *dict = PyDict_New();
  for (int64_t i = 0; dict && i < metrics->count; ++i) {
    const lm_metric *metric = &metrics->list[i];
    PyObject *value =
        metric->is_count ? PyLong_FromLongLong((long long)metric->value) : PyFloat_FromDouble(metric->value);
    if (!value || PyDict_SetItemString(dict, metric->name, value) != 0) Py_CLEAR(dict);
    Py_XDECREF(value);
  }
  return dict;
}

METHOD(model_loss,
       "model, images, views, target_images, second_images, second_views, gamma, seed, precision, target_precision, /",
       "-> dict of metrics; target_images, second_images, second_views and target_precision may be None") {
  struct handle *model;
  double gamma;
  uint64_t seed;
  const char *precision, *target_precision;
  ARRAY images = READ("images", FLOAT32, 4), target_images = READ("target_images", FLOAT32, 4);
  ARRAY second_images = READ("second_images", FLOAT32, 4);
  VIEWS views = {0}, second_views = {0};
  PARSE("O&O&O&O&O&O&dO&sz", model_handle, &model, array_argument, &images, views_argument, &views, optional_array,
        &target_images, optional_array, &second_images, views_argument, &second_views, &gamma, seed_argument, &seed,
        &precision, &target_precision);
  const lm_sizes *sizes = &model->sizes;
  lm_views first, second;
  lm_crops crops = {.images = DATA(images), .views = &first};
  SHAPED(images, -1, sizes->crop_height, sizes->crop_width, sizes->channels);
  if (!views_of(&views, SIZE(images, 0), &first)) return NULL;
  if (target_images.is_held) {
    SHAPED(target_images, SIZE(images, 0), sizes->crop_height, sizes->crop_width, sizes->channels);
    crops.target_images = DATA(target_images);
  }
  if (second_images.is_held) {
    SHAPED(second_images, -1, sizes->crop_height, sizes->crop_width, sizes->channels);
    if (!views_of(&second_views, SIZE(second_images, 0), &second)) return NULL;
    crops.second_images = DATA(second_images);
    crops.second_views = &second;
  }
  lm_metrics metrics;
  CALL(model, lm_model_loss(model->raw, &crops, gamma, seed, precision, target_precision, &metrics));
  return metrics_new(&metrics);
}

/// Reads a dict of name → number. Names live as long as the dict.
static bool metrics_in(PyObject *dict, lm_metrics *metrics) {
  PyObject *name, *value;
  Py_ssize_t place = 0;
  metrics->count = 0;
  while (PyDict_Next(dict, &place, &name, &value) && metrics->count < LM_MOST_METRICS) {
    lm_metric metric = {PyUnicode_AsUTF8AndSize(name, NULL), PyFloat_AsDouble(value), false};
    if (PyErr_Occurred()) return false;
    metrics->list[metrics->count++] = metric;
  }
  return true;
}

METHOD(model_diagnose, "model, metrics, /", "-> (position, meaning)") {
  struct handle *model;
  PyObject *dict;
  lm_metrics metrics;
  double position;
  char *meaning = NULL;
  PARSE("O&O!", model_handle, &model, &PyDict_Type, &dict);
  if (!metrics_in(dict, &metrics)) return NULL;
  CALL(model, lm_model_diagnose(model->raw, &metrics, &position, &meaning));
  return Py_BuildValue("(dN)", position, take_text(meaning));
}

METHOD(model_clear_gradients, "model, /", "") {
  ONLY(model);
  DO(model, lm_model_clear_gradients(model->raw));
}

METHOD(model_update_target, "model, momentum, /", "") {
  struct handle *model;
  double momentum;
  PARSE("O&d", model_handle, &model, &momentum);
  DO(model, lm_model_update_target(model->raw, momentum));
}
