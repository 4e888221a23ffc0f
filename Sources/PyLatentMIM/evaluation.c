#include "private.h"

static PyObject *pool(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *feature_array, *pooled_array;
  const char *pooling;
  long long k;
  if (!PyArg_ParseTuple(args, "OsLO", &feature_array, &pooling, &k, &pooled_array)) return NULL;
  ARRAY features = {0}, pooled = {0};
  if (!array_in(feature_array, "features", FLOAT32, 3, SHAPE(-1, -1, -1), &features)) return NULL;
  const Py_ssize_t *shape = features.view.shape;
  if (!array_out(pooled_array, "pooled", FLOAT32, 2, SHAPE(shape[0], shape[2]), &pooled)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_pool(features.view.buf, shape[0], shape[1], shape[2], pooling, k, pooled.view.buf));
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

PyMethodDef evaluation_methods[] = {
    {"pool", pool, METH_VARARGS, "pool(features, pooling, k, pooled): pooled is written"},
    {"nearest_neighbor", nearest_neighbor, METH_VARARGS,
     "nearest_neighbor(features, labels, neighbors) -> accuracy; neighbors are written"},
    {NULL, NULL, 0, NULL},
};
