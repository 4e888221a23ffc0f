#include <string.h>

#include "private.h"

static const char *type_name(char format, Py_ssize_t size) {
  switch (format) {
    case '?': return "bool";
    case 'b': return "int8";
    case 'B': return "uint8";
    case 'e': return "float16";
    case 'f': return "float32";
    case 'd': return "float64";
    case 'h': case 'i': case 'l': case 'q': return size == 8 ? "int64" : size == 4 ? "int32" : "int16";
    case 'H': case 'I': case 'L': case 'Q': return size == 8 ? "uint64" : size == 4 ? "uint32" : "uint16";
    default: return "of another kind";
  }
}

static Py_ssize_t element_size(element type) {
  switch (type) {
    case UINT8: return 1;
    case INT32: case FLOAT32: return 4;
    case INT64: case FLOAT64: return 8;
  }
  return 0;
}

/// The one letter of a buffer's format, native byte order; 0 for anything else.
static char letter(const Py_buffer *view) {
  const char *format = view->format ? view->format : "B";
  if (*format == '@' || *format == '=') ++format;
  return strlen(format) == 1 ? *format : 0;
}

static bool is_of_type(const Py_buffer *view, element type) {
  char found = letter(view);
  if (view->itemsize != element_size(type)) return false;
  bool is_integer = found == 'i' || found == 'l' || found == 'q';
  return found == (char)type || ((type == INT32 || type == INT64) && is_integer);
}

/// "[2, *, 3]"
static PyObject *shape_text(int dimensions, const int64_t *shape) {
  PyObject *text = PyUnicode_FromString("[");
  for (int i = 0; i < dimensions && text; ++i) {
    PyObject *part = shape[i] < 0 ? PyUnicode_FromFormat("%U%s*", text, i ? ", " : "")
                                  : PyUnicode_FromFormat("%U%s%lld", text, i ? ", " : "", (long long)shape[i]);
    Py_DECREF(text);
    text = part;
  }
  if (!text) return NULL;
  PyObject *result = PyUnicode_FromFormat("%U]", text);
  Py_DECREF(text);
  return result;
}

static bool refuse_shape(const Py_buffer *view, const char *name, int dimensions, const int64_t *wanted) {
  int64_t found[PyBUF_MAX_NDIM];
  for (int i = 0; i < view->ndim; ++i) found[i] = view->shape[i];
  PyObject *found_text = shape_text(view->ndim, found);
  PyObject *wanted_text = shape_text(dimensions, wanted);
  if (found_text && wanted_text) {
    PyErr_Format(PyExc_ValueError, "%s: shape is %U, wanted %U", name, found_text, wanted_text);
  }
  Py_XDECREF(found_text);
  Py_XDECREF(wanted_text);
  return false;
}

static bool hold(PyObject *object, const char *name, int flags, struct array *array) {
  if (!PyObject_CheckBuffer(object)) {
    PyErr_Format(PyExc_TypeError, "%s: wanted an array", name);
    return false;
  }
  if (PyObject_GetBuffer(object, &array->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) != 0) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "%s: wanted a C-contiguous%s array", name, flags ? ", writable" : "");
    return false;
  }
  array->held = true;
  return true;
}

static bool check_type(const struct array *array, const char *name, element type) {
  if (is_of_type(&array->view, type)) return true;
  PyErr_Format(PyExc_TypeError, "%s: dtype is %s, wanted %s", name, type_name(letter(&array->view), array->view.itemsize),
               type_name((char)type, element_size(type)));
  return false;
}

static bool check_shape(const struct array *array, const char *name, int dimensions, const int64_t *shape) {
  const Py_buffer *view = &array->view;
  if (view->ndim != dimensions) return refuse_shape(view, name, dimensions, shape);
  for (int i = 0; i < dimensions; ++i) {
    if (shape[i] >= 0 && view->shape[i] != shape[i]) return refuse_shape(view, name, dimensions, shape);
  }
  return true;
}

bool array_in(PyObject *object, const char *name, element type, int dimensions, const int64_t *shape, struct array *array) {
  return hold(object, name, 0, array) && check_type(array, name, type) && check_shape(array, name, dimensions, shape);
}

bool array_out(PyObject *object, const char *name, element type, int dimensions, const int64_t *shape, struct array *array) {
  return hold(object, name, PyBUF_WRITABLE, array) && check_type(array, name, type) &&
         check_shape(array, name, dimensions, shape);
}

bool array_any(PyObject *object, const char *name, struct array *array) {
  return hold(object, name, 0, array) && check_type(array, name, FLOAT32);
}

bool pixels_in(PyObject *object, const char *name, struct array *array, lm_pixels *pixels) {
  if (!hold(object, name, 0, array)) return false;
  bool is_bytes = is_of_type(&array->view, UINT8);
  if (!is_bytes && !is_of_type(&array->view, FLOAT32)) {
    PyErr_Format(PyExc_TypeError, "%s: dtype is %s, wanted uint8 or float32", name,
                 type_name(letter(&array->view), array->view.itemsize));
    return false;
  }
  if (!check_shape(array, name, 4, SHAPE(-1, -1, -1, -1))) return false;
  const Py_ssize_t *shape = array->view.shape;
  *pixels = (lm_pixels){.values = array->view.buf, .type = is_bytes ? LM_UINT8 : LM_FLOAT32, .count = shape[0],
                        .height = shape[1], .width = shape[2], .channels = shape[3]};
  return true;
}

void array_release(struct array *array) {
  if (!array->held) return;
  PyBuffer_Release(&array->view);
  array->held = false;
}
