#include <stdlib.h>

#include "private.h"

void named_arrays_release(struct named_arrays *arrays) {
  lm_arrays_free(arrays->arrays);
  for (Py_ssize_t i = 0; i < arrays->count; ++i) array_release(&arrays->held[i]);
  free(arrays->held);
}

static bool add(struct named_arrays *arrays, PyObject *key, PyObject *value) {
  if (!PyUnicode_Check(key)) {
    PyErr_SetString(PyExc_TypeError, "parameters: names are wanted to be str");
    return false;
  }
  const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
  struct array *array = &arrays->held[arrays->count];
  *array = (struct array)READ(name, FLOAT32, -1);
  ++arrays->count;
  if (!name || !array_argument(value, array)) return false;
  int64_t shape[PyBUF_MAX_NDIM];
  for (int i = 0; i < array->view.ndim; ++i) shape[i] = array->view.shape[i];
  lm_status status = lm_arrays_add(arrays->arrays, name, shape, array->view.ndim, array->view.buf);
  if (status != LM_OK) fail(status);
  return status == LM_OK;
}

int named_arrays_argument(PyObject *dict, void *place) {
  struct named_arrays *arrays = place;
  if (!PyDict_Check(dict)) {
    PyErr_SetString(PyExc_TypeError, "parameters: wanted a dict of arrays by name");
    return false;
  }
  lm_status status = lm_arrays_create(&arrays->arrays);
  if (status != LM_OK) {
    fail(status);
    return false;
  }
  // A list: another thread may change the dict in between.
  PyObject *items = PyDict_Items(dict);
  if (!items) return false;
  Py_ssize_t count = PyList_Size(items);
  arrays->held = calloc((size_t)count + 1, sizeof *arrays->held);
  bool is_held = arrays->held || PyErr_NoMemory();
  for (Py_ssize_t i = 0; is_held && i < count; ++i) {
    PyObject *item = PyList_GetItem(items, i);
    is_held = add(arrays, PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
  }
  Py_DECREF(items);
  return is_held;
}
