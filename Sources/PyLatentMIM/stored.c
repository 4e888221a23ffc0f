#include "private.h"

PyObject *stored_new(const struct stored *type, lm_status status, void *raw, PyObject *keeps, struct handle *root) {
  if (status != LM_OK) return fail(status);
  char *configuration = NULL;
  struct geometry geometry;
  status = type->configuration(raw, &configuration);
  bool is_read = status == LM_OK ? geometry_take(configuration, &geometry) : fail(status) != NULL;
  if (!is_read) {
    type->release(raw);
    return NULL;
  }
  return handle_new(*type->kind, raw, type->release, keeps, root, &geometry);
}

PyObject *stored_with_remarks(const struct stored *type, lm_status status, void *raw, char *remarks) {
  SCOPED *capsule = stored_new(type, status, raw, NULL, NULL);
  if (!capsule) {
    lm_text_free(remarks);
    return NULL;
  }
  SCOPED *text = take_text(remarks);
  return text ? PyTuple_Pack(2, capsule, text) : NULL;
}

PyObject *stored_load(const struct stored *type, PyObject *args) {
  SCOPED *path = NULL;
  const char *options;
  if (!PyArg_ParseTuple(args, "O&s", PyUnicode_FSConverter, &path, &options)) return NULL;
  const char *name = PyBytes_AsString(path);
  void *raw = NULL;
  char *remarks = NULL;
  lm_status status;
  WITHOUT_GIL(status = type->load(name, options, &raw, &remarks));
  return stored_with_remarks(type, status, raw, remarks);
}

PyObject *stored_from_arrays(const struct stored *type, PyObject *args) {
  PyObject *dict;
  const char *title, *options;
  if (!PyArg_ParseTuple(args, "Oss", &dict, &title, &options)) return NULL;
  NAMED_ARRAYS arrays = {0};
  if (!named_arrays_in(dict, &arrays)) return NULL;
  void *raw = NULL;
  char *remarks = NULL;
  lm_status status;
  WITHOUT_GIL(status = type->from_arrays(arrays.arrays, title, options, &raw, &remarks));
  return stored_with_remarks(type, status, raw, remarks);
}

PyObject *path_call(PyObject *args, converter convert, path_function *call) {
  struct handle *handle;
  SCOPED *path = NULL;
  if (!PyArg_ParseTuple(args, "O&O&", convert, &handle, PyUnicode_FSConverter, &path)) return NULL;
  const char *name = PyBytes_AsString(path);
  lm_status status;
  WITH(handle, status = call(handle->raw, name));
  return none_or_fail(status);
}

PyObject *configuration_call(PyObject *args, converter convert, configuration_function *read) {
  struct handle *handle;
  if (!PyArg_ParseTuple(args, "O&", convert, &handle)) return NULL;
  char *options = NULL;
  lm_status status = read(handle->raw, &options);
  return status == LM_OK ? take_text(options) : fail(status);
}
