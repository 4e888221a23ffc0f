#include <stdlib.h>

#include "private.h"

void named_arrays_release(struct named_arrays *arrays) {
  for (Py_ssize_t i = 0; i < arrays->count; ++i) array_release(&arrays->held[i]);
  free(arrays->held);
  free(arrays->list);
  Py_XDECREF(arrays->items);
}

static bool add(struct named_arrays *arrays, PyObject *key, PyObject *value) {
  if (!PyUnicode_Check(key)) {
    PyErr_SetString(PyExc_TypeError, "parameters: names are wanted to be str");
    return false;
  }
  const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
  struct array *array = &arrays->held[arrays->count];
  *array = (struct array)READ(name, FLOAT32, -1);
  lm_array *entry = &arrays->list[arrays->count++];
  if (!name || !array_argument(value, array)) return false;
  *entry = (lm_array){name, SHAPE(*array), array->view.ndim, DATA(*array)};
  return true;
}

int named_arrays_argument(PyObject *dict, void *place) {
  struct named_arrays *arrays = place;
  if (!PyDict_Check(dict)) {
    PyErr_SetString(PyExc_TypeError, "parameters: wanted a dict of arrays by name");
    return false;
  }
  // A list, which holds names and arrays: another thread may change the dict.
  arrays->items = PyDict_Items(dict);
  if (!arrays->items) return false;
  Py_ssize_t count = PyList_Size(arrays->items);
  arrays->held = calloc((size_t)count + 1, sizeof *arrays->held);
  arrays->list = calloc((size_t)count + 1, sizeof *arrays->list);
  bool is_held = (arrays->held && arrays->list) || PyErr_NoMemory();
  for (Py_ssize_t i = 0; is_held && i < count; ++i) {
    PyObject *item = PyList_GetItem(arrays->items, i);
    is_held = add(arrays, PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
  }
  return is_held;
}
