#include "private.h"

static PyObject *pixels_check(PyObject *self, PyObject *pixel_array) {
  (void)self;
  ARRAY images = {0};
  lm_pixels pixels;
  if (!pixels_in(pixel_array, "images", &images, &pixels)) return NULL;
  return none_or_fail(lm_pixels_check(&pixels));
}

static PyObject *resize(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *pixel_array, *resized_array;
  if (!PyArg_ParseTuple(args, "OO", &pixel_array, &resized_array)) return NULL;
  ARRAY images = {0}, resized = {0};
  lm_pixels pixels;
  if (!pixels_in(pixel_array, "images", &images, &pixels) ||
      !array_out(resized_array, "resized", FLOAT32, 4, SHAPE(pixels.count, -1, -1, pixels.channels), &resized)) {
    return NULL;
  }
  lm_status status;
  WITHOUT_GIL(status = lm_resize(&pixels, resized.view.shape[1], resized.view.shape[2], resized.view.buf));
  return none_or_fail(status);
}

/// `keeps`: the data set whose memory the image may lie in, or NULL.
static PyObject *new_image(lm_status status, lm_image *image, PyObject *keeps) {
  if (status != LM_OK) return fail(status);
  return handle_new(image_kind, image, RELEASE(lm_image_free), keeps, NULL, NULL);
}

static PyObject *image_formats(PyObject *self, PyObject *args) {
  (void)self;
  (void)args;
  char *formats = NULL;
  lm_status status = lm_image_formats(&formats);
  return status == LM_OK ? take_text(formats) : fail(status);
}

static PyObject *image_load(PyObject *self, PyObject *args) {
  (void)self;
  SCOPED *path = NULL;
  if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
  const char *name = PyBytes_AsString(path);
  lm_image *image = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_image_load(name, &image));
  return new_image(status, image, NULL);
}

static PyObject *image_size(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *image;
  if (!PyArg_ParseTuple(args, "O&", image_handle, &image)) return NULL;
  int64_t height, width, channels;
  lm_image_size(image->raw, &height, &width, &channels);
  return Py_BuildValue("(LLL)", (long long)height, (long long)width, (long long)channels);
}

static PyObject *image_read(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *image;
  PyObject *values_array;
  if (!PyArg_ParseTuple(args, "O&O", image_handle, &image, &values_array)) return NULL;
  int64_t height, width, channels;
  lm_image_size(image->raw, &height, &width, &channels);
  ARRAY values = {0};
  if (!array_out(values_array, "values", FLOAT32, 3, SHAPE(height, width, channels), &values)) return NULL;
  lm_image_read(image->raw, values.view.buf);
  Py_RETURN_NONE;
}

static PyObject *new_dataset(lm_status status, lm_dataset *dataset, PyObject *keeps, int64_t channels) {
  if (status != LM_OK) return fail(status);
  struct geometry geometry = {.channels = channels};
  return handle_new(dataset_kind, dataset, RELEASE(lm_dataset_free), keeps, NULL, &geometry);
}

static PyObject *dataset_folder(PyObject *self, PyObject *args) {
  (void)self;
  SCOPED *path = NULL;
  int skip_unreadable;
  if (!PyArg_ParseTuple(args, "O&p", PyUnicode_FSConverter, &path, &skip_unreadable)) return NULL;
  const char *name = PyBytes_AsString(path);
  lm_dataset *dataset = NULL;
  char *remarks = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_dataset_folder(name, skip_unreadable, &dataset, &remarks));
  SCOPED *made = new_dataset(status, dataset, NULL, 3);
  SCOPED *text = take_text(remarks);
  return made && text ? PyTuple_Pack(2, made, text) : NULL;
}

static PyObject *dataset_subset(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *base, *index_array;
  if (!PyArg_ParseTuple(args, "OO", &base, &index_array)) return NULL;
  struct handle *dataset;
  ARRAY indices = {0};
  if (!dataset_handle(base, &dataset) || !array_in(index_array, "indices", INT64, 1, SHAPE(-1), &indices)) return NULL;
  lm_dataset *subset = NULL;
  lm_status status;
  WITH(dataset, status = lm_dataset_subset(dataset->raw, indices.view.buf, indices.view.shape[0], &subset));
  return new_dataset(status, subset, base, dataset->geometry.channels);
}

static PyObject *dataset_arrays(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *pixel_array, *label_array;
  if (!PyArg_ParseTuple(args, "OO", &pixel_array, &label_array)) return NULL;
  ARRAY images = {0}, labels = {0};
  lm_pixels pixels;
  if (!pixels_in(pixel_array, "images", &images, &pixels) ||
      (label_array != Py_None && !array_in(label_array, "labels", INT64, 1, SHAPE(pixels.count), &labels))) {
    return NULL;
  }
  // Memory views hold the arrays' memory in place as long as the data set lives.
  SCOPED *image_view = PyMemoryView_FromObject(pixel_array);
  SCOPED *label_view = label_array == Py_None ? Py_NewRef(Py_None) : PyMemoryView_FromObject(label_array);
  SCOPED *keeps = image_view && label_view ? PyTuple_Pack(2, image_view, label_view) : NULL;
  if (!keeps) return NULL;
  lm_dataset *dataset = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_dataset_arrays(&pixels, labels.held ? labels.view.buf : NULL, &dataset));
  return new_dataset(status, dataset, keeps, pixels.channels);
}

static PyObject *dataset_count(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  return PyLong_FromLongLong(lm_dataset_count(dataset->raw));
}

static PyObject *dataset_channels(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  return PyLong_FromLongLong(dataset->geometry.channels);
}

static PyObject *dataset_labels(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  PyObject *label_array;
  if (!PyArg_ParseTuple(args, "O&O", dataset_handle, &dataset, &label_array)) return NULL;
  ARRAY labels = {0};
  if (label_array == Py_None) return PyBool_FromLong(lm_dataset_labels(dataset->raw, NULL));
  if (!array_out(label_array, "labels", INT64, 1, SHAPE(lm_dataset_count(dataset->raw)), &labels)) return NULL;
  return PyBool_FromLong(lm_dataset_labels(dataset->raw, labels.view.buf));
}

static PyObject *dataset_description(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  char *description = NULL;
  lm_status status;
  WITH(dataset, status = lm_dataset_description(dataset->raw, &description));
  return status == LM_OK ? take_text(description) : fail(status);
}

static PyObject *dataset_paths(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  PyObject *paths = PyList_New(0);
  const char *path;
  for (int64_t i = 0; paths && (path = lm_dataset_path(dataset->raw, i)); ++i) {
    SCOPED *text = PyUnicode_DecodeFSDefault(path);
    if (!text || PyList_Append(paths, text) < 0) Py_CLEAR(paths);
  }
  return paths;
}

static PyObject *dataset_left_out(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  PyObject *list = PyList_New(0);
  int64_t count = lm_dataset_left_out_count(dataset->raw);
  for (int64_t i = 0; list && i < count; ++i) {
    char *path = NULL, *reason = NULL;
    lm_status status = lm_dataset_left_out(dataset->raw, i, &path, &reason);
    SCOPED *first = path ? PyUnicode_DecodeFSDefault(path) : NULL;
    lm_text_free(path);
    SCOPED *second = take_text(reason);
    SCOPED *pair = first && second ? PyTuple_Pack(2, first, second) : NULL;
    if (status != LM_OK) fail(status);
    if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
  }
  return list;
}

static PyObject *dataset_left_out_count(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  if (!PyArg_ParseTuple(args, "O&", dataset_handle, &dataset)) return NULL;
  return PyLong_FromLongLong(lm_dataset_left_out_count(dataset->raw));
}

static PyObject *dataset_image(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *capsule;
  struct handle *dataset;
  long long index;
  if (!PyArg_ParseTuple(args, "OL", &capsule, &index) || !dataset_handle(capsule, &dataset)) return NULL;
  lm_image *image = NULL;
  lm_status status;
  WITH(dataset, status = lm_dataset_image(dataset->raw, index, &image));
  return new_image(status, image, capsule);
}

static PyObject *dataset_crops(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  PyObject *index_array, *crop_array;
  const char *model, *training;
  long long epoch;
  if (!PyArg_ParseTuple(args, "O&OssLO", dataset_handle, &dataset, &index_array, &model, &training, &epoch, &crop_array)) {
    return NULL;
  }
  struct geometry g;
  ARRAY indices = {0}, crops = {0};
  if (!geometry_read(model, &g) || !array_in(index_array, "indices", INT64, 1, SHAPE(-1), &indices)) return NULL;
  if (dataset->geometry.channels != g.channels) {
    return PyErr_Format(PyExc_ValueError, "crops: images have %lld channels, the model wants %lld",
                        (long long)dataset->geometry.channels, (long long)g.channels);
  }
  int64_t count = indices.view.shape[0];
  if (!array_out(crop_array, "crops", FLOAT32, 4, SHAPE(count, g.crop_height, g.crop_width, g.channels), &crops)) {
    return NULL;
  }
  lm_status status;
  WITH(dataset, status = lm_dataset_crops(dataset->raw, indices.view.buf, count, model, training, epoch, crops.view.buf));
  return none_or_fail(status);
}

static PyObject *dataset_resized(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *dataset;
  PyObject *index_array, *image_array;
  long long resized;
  if (!PyArg_ParseTuple(args, "O&OLO", dataset_handle, &dataset, &index_array, &resized, &image_array)) return NULL;
  ARRAY indices = {0}, images = {0};
  if (!array_in(index_array, "indices", INT64, 1, SHAPE(-1), &indices)) return NULL;
  int64_t count = indices.view.shape[0];
  if (!array_out(image_array, "images", FLOAT32, 4, SHAPE(count, -1, -1, dataset->geometry.channels), &images)) return NULL;
  const Py_ssize_t *shape = images.view.shape;
  lm_status status;
  WITH(dataset, status = lm_dataset_resized(dataset->raw, indices.view.buf, count, resized, shape[1], shape[2],
                                            images.view.buf));
  return none_or_fail(status);
}

PyMethodDef data_methods[] = {
    {"pixels_check", pixels_check, METH_O, "pixels_check(images): raises where their axes are in another order"},
    {"resize", resize, METH_VARARGS, "resize(images, resized): the second is written"},
    {"image_formats", image_formats, METH_NOARGS, "image_formats() -> json"},
    {"image_load", image_load, METH_VARARGS, "image_load(path) -> image"},
    {"image_size", image_size, METH_VARARGS, "image_size(image) -> (height, width, channels)"},
    {"image_read", image_read, METH_VARARGS, "image_read(image, values): values are written"},
    {"dataset_folder", dataset_folder, METH_VARARGS, "dataset_folder(path, skip_unreadable) -> (dataset, text or None)"},
    {"dataset_arrays", dataset_arrays, METH_VARARGS, "dataset_arrays(images, labels or None) -> dataset"},
    {"dataset_subset", dataset_subset, METH_VARARGS, "dataset_subset(dataset, indices) -> dataset"},
    {"dataset_count", dataset_count, METH_VARARGS, "dataset_count(dataset) -> int"},
    {"dataset_channels", dataset_channels, METH_VARARGS, "dataset_channels(dataset) -> int"},
    {"dataset_labels", dataset_labels, METH_VARARGS, "dataset_labels(dataset, labels or None) -> whether there are any"},
    {"dataset_description", dataset_description, METH_VARARGS, "dataset_description(dataset) -> json"},
    {"dataset_paths", dataset_paths, METH_VARARGS, "dataset_paths(dataset) -> list of str"},
    {"dataset_left_out", dataset_left_out, METH_VARARGS, "dataset_left_out(dataset) -> list of (path, reason)"},
    {"dataset_left_out_count", dataset_left_out_count, METH_VARARGS, "dataset_left_out_count(dataset) -> int"},
    {"dataset_image", dataset_image, METH_VARARGS, "dataset_image(dataset, index) -> image"},
    {"dataset_crops", dataset_crops, METH_VARARGS,
     "dataset_crops(dataset, indices, model json, training json, epoch, crops): crops are written"},
    {"dataset_resized", dataset_resized, METH_VARARGS,
     "dataset_resized(dataset, indices, resize, images): images are written"},
    {NULL, NULL, 0, NULL},
};
