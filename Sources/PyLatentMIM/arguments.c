#include <stdio.h>
#include <string.h>

#include "private.h"

/// What an element of a buffer is, its size aside.
static const char *kind_of(const Py_buffer *view) {
  const char *format = view->format ? view->format : "B";
  if (*format == '@' || *format == '=') ++format;
  if (strlen(format) != 1) return "another kind of ";
  if (strchr("bhilq", *format)) return "int";
  return strchr("BHILQ", *format) ? "uint" : strchr("efd", *format) ? "float" : "bool";
}

static const struct {
  const char *name, *kind;
  Py_ssize_t size;
} elements[] = {[PIXEL] = {"uint8, uint16 or float32", "", 0},
                [UINT8] = {"uint8", "uint", 1},
                [UINT16] = {"uint16", "uint", 2},
                [INT32] = {"int32", "int", 4},
                [INT64] = {"int64", "int", 8},
                [FLOAT32] = {"float32", "float", 4},
                [FLOAT64] = {"float64", "float", 8}};

static bool is_of_type(const Py_buffer *view, element type) {
  if (type == PIXEL) return is_of_type(view, UINT8) || is_of_type(view, UINT16) || is_of_type(view, FLOAT32);
  return view->itemsize == elements[type].size && strcmp(kind_of(view), elements[type].kind) == 0;
}

/// "[2, *, 3]", where −1 is any size.
struct shape_text {
  char text[PyBUF_MAX_NDIM * 24];
};

static struct shape_text shape_text(int dimensions, const int64_t *shape) {
  struct shape_text all = {"["};
  size_t end = 1;
  for (int i = 0; i < dimensions; ++i) {
    char size[24] = "*";
    if (shape[i] >= 0) snprintf(size, sizeof size, "%lld", (long long)shape[i]);
    end += (size_t)snprintf(all.text + end, sizeof all.text - end, "%s%s", i ? ", " : "", size);
  }
  snprintf(all.text + end, sizeof all.text - end, "]");
  return all;
}

bool has_shape(const struct array *array, const int64_t *wanted) {
  int count = array->view.ndim;
  const int64_t *found = SHAPE(*array);
  bool fits = count == array->dimensions;
  for (int i = 0; i < count && fits; ++i) fits = wanted[i] < 0 || wanted[i] == found[i];
  if (!fits) {
    PyErr_Format(PyExc_ValueError, "%s: shape is %s, wanted %s", array->name, shape_text(count, found).text,
                 shape_text(array->dimensions, wanted).text);
  }
  return fits;
}

static bool hold(PyObject *object, struct array *array) {
  if (!PyObject_CheckBuffer(object)) {
    PyErr_Format(PyExc_TypeError, "%s: wanted an array", array->name);
    return false;
  }
  int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (array->is_written ? PyBUF_WRITABLE : 0);
  if (PyObject_GetBuffer(object, &array->view, flags) != 0) {
    PyErr_Clear();
    const char *kind = array->is_written ? ", writable" : "";
    PyErr_Format(PyExc_ValueError, "%s: wanted a C-contiguous%s array", array->name, kind);
    return false;
  }
  array->is_held = true;
  return true;
}

static bool check_type(const struct array *array) {
  const Py_buffer *view = &array->view;
  if (is_of_type(view, array->type)) return true;
  PyErr_Format(PyExc_TypeError, "%s: dtype is %s%d, wanted %s", array->name, kind_of(view), 8 * (int)view->itemsize,
               elements[array->type].name);
  return false;
}

int array_argument(PyObject *object, void *place) {
  static const int64_t any_shape[] = {-1, -1, -1, -1};
  struct array *array = place;
  return hold(object, array) && check_type(array) && (array->dimensions < 0 || has_shape(array, any_shape));
}

int optional_array(PyObject *object, void *array) { return object == Py_None || array_argument(object, array); }

void array_release(struct array *array) {
  if (!array->is_held) return;
  PyBuffer_Release(&array->view);
  array->is_held = false;
}

static lm_pixel_type pixel_type(const struct array *array) {
  if (is_of_type(&array->view, UINT8)) return LM_UINT8;
  return is_of_type(&array->view, UINT16) ? LM_UINT16 : LM_FLOAT32;
}

lm_pixels pixels_of(const struct array *array) {
  return (lm_pixels){
      .values = array->view.buf, .type = pixel_type(array),
      .count = SIZE(*array, 0), .height = SIZE(*array, 1), .width = SIZE(*array, 2), .channels = SIZE(*array, 3)};
}

int path_argument(PyObject *object, void *place) {
  struct path *path = place;
  if (!PyUnicode_FSConverter(object, &path->bytes)) return 0;
  path->text = PyBytes_AsString(path->bytes);
  return path->text != NULL;
}

void path_release(struct path *path) { Py_XDECREF(path->bytes); }

int seed_argument(PyObject *object, void *seed) {
  PyObject *number = PyNumber_Index(object);
  if (!number) return 0;
  int overflow = 0;
  long long small = PyLong_AsLongLongAndOverflow(number, &overflow);
  unsigned long long value = PyLong_AsUnsignedLongLong(number);
  Py_DECREF(number);
  *(uint64_t *)seed = value;
  if (value != (unsigned long long)-1 || !PyErr_Occurred()) return 1;
  PyErr_Clear();
  if (overflow) PyErr_SetString(PyExc_ValueError, "seed is beyond 64 bits, wanted 0 to 2**64 - 1");
  else PyErr_Format(PyExc_ValueError, "seed is %lld, wanted 0 to 2**64 - 1", small);
  return 0;
}
