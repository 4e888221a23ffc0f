#include "private.h"

static PyObject *pool(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *feature_array, *pooled_array;
  const char *pooling;
  int has_class_token;
  long long k;
  if (!PyArg_ParseTuple(args, "OpsLO", &feature_array, &has_class_token, &pooling, &k, &pooled_array)) return NULL;
  ARRAY features = {0}, pooled = {0};
  if (!array_in(feature_array, "features", FLOAT32, 3, SHAPE(-1, -1, -1), &features)) return NULL;
  const Py_ssize_t *shape = features.view.shape;
  if (!array_out(pooled_array, "pooled", FLOAT32, 2, SHAPE(shape[0], shape[2]), &pooled)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_pool(features.view.buf, shape[0], shape[1], shape[2], has_class_token, pooling, k,
                               pooled.view.buf));
  return none_or_fail(status);
}

static PyObject *nearest_neighbor(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *feature_array, *label_array, *neighbor_array;
  if (!PyArg_ParseTuple(args, "OOO", &feature_array, &label_array, &neighbor_array)) return NULL;
  ARRAY features = {0}, labels = {0}, neighbors = {0};
  if (!array_in(feature_array, "features", FLOAT32, 2, SHAPE(-1, -1), &features)) return NULL;
  const Py_ssize_t *shape = features.view.shape;
  if (!array_in(label_array, "labels", INT64, 1, SHAPE(shape[0]), &labels) ||
      !array_out(neighbor_array, "neighbors", INT64, 1, SHAPE(shape[0]), &neighbors)) {
    return NULL;
  }
  double accuracy;
  lm_status status;
  WITHOUT_GIL(status = lm_nearest_neighbor(features.view.buf, shape[0], shape[1], labels.view.buf, &accuracy,
                                           neighbors.view.buf));
  return status == LM_OK ? PyFloat_FromDouble(accuracy) : fail(status);
}

/// The library's lm_progress over a Python callable (what, done, total). What it raises ends the evaluation and
/// arrives.
static bool told(void *context, const char *what, int64_t done, int64_t total) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *answer = PyObject_CallFunction(context, "sLL", what, (long long)done, (long long)total);
  bool goes_on = answer != NULL;
  Py_XDECREF(answer);
  PyGILState_Release(state);
  return goes_on;
}

static PyObject *report_or_fail(lm_status status, char *report) { return status == LM_OK ? take_text(report) : fail(status); }

/// A data set's handle, or None.
static int optional_dataset(PyObject *capsule, void *handle) {
  return capsule == Py_None ? 1 : dataset_handle(capsule, handle);
}

static PyObject *evaluate(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder, *train = NULL, *test;
  const char *entries;
  PyObject *progress;
  if (!PyArg_ParseTuple(args, "O&O&O&zO", encoder_handle, &encoder, optional_dataset, &train, dataset_handle, &test,
                        &entries, &progress)) {
    return NULL;
  }
  char *report = NULL;
  lm_status status;
  WITH(encoder, status = lm_evaluate(encoder->raw, train ? train->raw : NULL, test->raw, entries,
                                     progress == Py_None ? NULL : told, progress, &report));
  return report_or_fail(status, report);
}

/// Reads (features, labels) into `set`; None leaves it empty, and NULL is what the library gets.
static bool labelled_in(PyObject *pair, struct array *values, struct array *labels, lm_labelled_features *set) {
  PyObject *value_array, *label_array;
  if (pair == Py_None) return true;
  if (!PyArg_ParseTuple(pair, "OO", &value_array, &label_array) ||
      !array_in(value_array, "features", FLOAT32, 2, SHAPE(-1, -1), values)) {
    return false;
  }
  const Py_ssize_t *shape = values->view.shape;
  if (!array_in(label_array, "labels", INT64, 1, SHAPE(shape[0]), labels)) return false;
  *set = (lm_labelled_features){
      .values = values->view.buf, .labels = labels->view.buf, .count = shape[0], .width = shape[1]};
  return true;
}

static PyObject *evaluate_features(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *train_pair, *test_pair, *progress;
  const char *tap, *entries;
  if (!PyArg_ParseTuple(args, "OOssO", &train_pair, &test_pair, &tap, &entries, &progress)) return NULL;
  ARRAY train_values = {0}, train_labels = {0}, test_values = {0}, test_labels = {0};
  lm_labelled_features train = {0}, test = {0};
  if (!labelled_in(train_pair, &train_values, &train_labels, &train) ||
      !labelled_in(test_pair, &test_values, &test_labels, &test)) {
    return NULL;
  }
  char *report = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_evaluate_features(train_pair == Py_None ? NULL : &train, &test, tap, entries,
                                            progress == Py_None ? NULL : told, progress, &report));
  return report_or_fail(status, report);
}

static PyObject *fine_tune(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *encoder, *train, *test;
  const char *options, *features;
  PyObject *progress;
  if (!PyArg_ParseTuple(args, "O&O&O&ssO", encoder_handle, &encoder, dataset_handle, &train, dataset_handle, &test,
                        &options, &features, &progress)) {
    return NULL;
  }
  char *report = NULL;
  lm_encoder *tuned = NULL;
  lm_status status;
  WITH(encoder, status = lm_fine_tune(encoder->raw, train->raw, test->raw, options, features,
                                      progress == Py_None ? NULL : told, progress, &tuned, &report));
  PyObject *handle = encoder_new(status, tuned);
  if (!handle) {
    lm_text_free(report);
    return NULL;
  }
  return Py_BuildValue("NN", handle, take_text(report));
}

PyMethodDef evaluation_methods[] = {
    {"fine_tune", fine_tune, METH_VARARGS,
     "fine_tune(encoder, train, test, json, json of features, progress or None) -> (encoder, json)"},
    {"pool", pool, METH_VARARGS, "pool(features, has_class_token, pooling, k, pooled): pooled is written"},
    {"nearest_neighbor", nearest_neighbor, METH_VARARGS,
     "nearest_neighbor(features, labels, neighbors) -> accuracy; neighbors are written"},
    {"evaluate", evaluate, METH_VARARGS,
     "evaluate(encoder, train or None, test, json or None, progress or None) -> json"},
    {"evaluate_features", evaluate_features, METH_VARARGS,
     "evaluate_features((features, labels) or None, (features, labels), tap, json, progress or None) -> json"},
    {NULL, NULL, 0, NULL},
};
