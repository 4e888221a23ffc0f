#include "private.h"

static PyObject *normalize_rows(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *row_array;
  if (!PyArg_ParseTuple(args, "O", &row_array)) return NULL;
  ARRAY rows = {0};
  if (!array_out(row_array, "rows", FLOAT32, 2, SHAPE(-1, -1), &rows)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_normalize_rows(rows.view.buf, rows.view.shape[0], rows.view.shape[1]));
  return none_or_fail(status);
}

static PyObject *tree_build(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *feature_array;
  const char *linkage;
  long long rows, columns;
  if (!PyArg_ParseTuple(args, "OsLL", &feature_array, &linkage, &rows, &columns)) return NULL;
  ARRAY features = {0};
  if (!array_in(feature_array, "features", FLOAT32, 2, SHAPE(-1, -1), &features)) return NULL;
  const Py_ssize_t *shape = features.view.shape;
  lm_tree *tree = NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_tree_build(features.view.buf, shape[0], shape[1], linkage, rows, columns, &tree));
  if (status != LM_OK) return fail(status);
  return handle_new(tree_kind, tree, RELEASE(lm_tree_free), NULL, NULL, NULL);
}

static PyObject *tree_count(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *tree;
  if (!PyArg_ParseTuple(args, "O&", tree_handle, &tree)) return NULL;
  return PyLong_FromLongLong(lm_tree_count(tree->raw));
}

static PyObject *tree_merges(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *tree;
  PyObject *merge_array;
  if (!PyArg_ParseTuple(args, "O&O", tree_handle, &tree, &merge_array)) return NULL;
  ARRAY merges = {0};
  if (!array_out(merge_array, "merges", FLOAT64, 2, SHAPE(lm_tree_count(tree->raw) - 1, 4), &merges)) return NULL;
  lm_tree_merges(tree->raw, merges.view.buf);
  Py_RETURN_NONE;
}

static PyObject *tree_cut(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *tree;
  long long segments;
  PyObject *label_array;
  if (!PyArg_ParseTuple(args, "O&LO", tree_handle, &tree, &segments, &label_array)) return NULL;
  ARRAY labels = {0};
  if (!array_out(label_array, "labels", INT32, 1, SHAPE(lm_tree_count(tree->raw)), &labels)) return NULL;
  return none_or_fail(lm_tree_cut(tree->raw, segments, labels.view.buf));
}

static PyObject *tree_cut_at(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *tree;
  double distance;
  PyObject *label_array;
  if (!PyArg_ParseTuple(args, "O&dO", tree_handle, &tree, &distance, &label_array)) return NULL;
  ARRAY labels = {0};
  if (!array_out(label_array, "labels", INT32, 1, SHAPE(lm_tree_count(tree->raw)), &labels)) return NULL;
  return none_or_fail(lm_tree_cut_at(tree->raw, distance, labels.view.buf));
}

static PyObject *upsample_labels(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *label_array, *upsampled_array;
  const char *method;
  if (!PyArg_ParseTuple(args, "OsO", &label_array, &method, &upsampled_array)) return NULL;
  ARRAY labels = {0}, upsampled = {0};
  if (!array_in(label_array, "labels", INT32, 2, SHAPE(-1, -1), &labels) ||
      !array_out(upsampled_array, "upsampled", INT32, 2, SHAPE(-1, -1), &upsampled)) {
    return NULL;
  }
  const Py_ssize_t *from = labels.view.shape, *to = upsampled.view.shape;
  lm_status status;
  WITHOUT_GIL(status = lm_upsample_labels(labels.view.buf, from[0], from[1], to[0], to[1], method, upsampled.view.buf));
  return none_or_fail(status);
}

PyMethodDef segmentation_methods[] = {
    {"normalize_rows", normalize_rows, METH_VARARGS, "normalize_rows(rows): in place"},
    {"tree_build", tree_build, METH_VARARGS, "tree_build(features, linkage, rows, columns) -> tree"},
    {"tree_count", tree_count, METH_VARARGS, "tree_count(tree) -> leaves"},
    {"tree_merges", tree_merges, METH_VARARGS, "tree_merges(tree, merges): merges are written"},
    {"tree_cut", tree_cut, METH_VARARGS, "tree_cut(tree, segments, labels): labels are written"},
    {"tree_cut_at", tree_cut_at, METH_VARARGS, "tree_cut_at(tree, distance, labels): labels are written"},
    {"upsample_labels", upsample_labels, METH_VARARGS, "upsample_labels(labels, method, upsampled): the last is written"},
    {NULL, NULL, 0, NULL},
};
