#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

const char *const model_kind = "latentmim.model", *const adamw_kind = "latentmim.adamw",
                 *const trainer_kind = "latentmim.trainer", *const encoder_kind = "latentmim.encoder",
                 *const dataset_kind = "latentmim.dataset", *const image_kind = "latentmim.image",
                 *const tree_kind = "latentmim.tree";

static void handle_free(struct handle *handle) {
  handle->release(handle->raw);
  if (handle->lock) PyThread_free_lock(handle->lock);
  // Last: a trainer goes before the model it trains.
  Py_XDECREF(handle->keeps);
  free(handle);
}

static void capsule_free(PyObject *capsule) { handle_free(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))); }

PyObject *handle_new(const char *kind, void *raw, void (*release)(void *), PyObject *keeps, struct handle *root,
                     const struct geometry *geometry) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (!handle) {
    release(raw);
    return PyErr_NoMemory();
  }
  *handle = (struct handle){.raw = raw, .release = release, .keeps = Py_XNewRef(keeps)};
  handle->root = root ? root->root : handle;
  handle->process = getpid();
  if (geometry) handle->geometry = *geometry;
  if (!root) handle->lock = PyThread_allocate_lock();
  PyObject *capsule = root || handle->lock ? PyCapsule_New(handle, kind, capsule_free) : PyErr_NoMemory();
  if (!capsule) handle_free(handle);
  return capsule;
}

static int handle_of(PyObject *capsule, void *place, const char *kind) {
  if (!PyCapsule_IsValid(capsule, kind)) {
    PyErr_Format(PyExc_TypeError, "wanted a %s handle", kind);
    return 0;
  }
  *(struct handle **)place = PyCapsule_GetPointer(capsule, kind);
  return 1;
}

int model_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, model_kind); }
int adamw_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, adamw_kind); }
int trainer_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, trainer_kind); }
int encoder_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, encoder_kind); }
int dataset_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, dataset_kind); }
int image_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, image_kind); }
int tree_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, tree_kind); }

int seed_value(PyObject *object, void *seed) {
  PyObject *number = PyNumber_Index(object);
  if (!number) return 0;
  unsigned long long value = PyLong_AsUnsignedLongLong(number);
  bool failed = value == (unsigned long long)-1 && PyErr_Occurred();
  if (failed) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "seed is %R, wanted 0 to 2**64 - 1", number);
  }
  Py_DECREF(number);
  *(uint64_t *)seed = value;
  return !failed;
}

/// In a forked child, whether the lock is free: a thread of the parent that held it will never give it back here.
static bool survives_fork(struct handle *root) {
  if (root->process == getpid()) return true;
  if (!PyThread_acquire_lock(root->lock, NOWAIT_LOCK)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this object was in use by another thread when the process was forked, and what that thread left may be "
                    "incomplete: load or make it again in this process, or fork before the thread starts");
    return false;
  }
  PyThread_release_lock(root->lock);
  root->process = getpid();
  return true;
}

bool handle_enter(struct handle *handle) {
  struct handle *root = handle->root;
  if (!survives_fork(root)) return false;
  unsigned long self = PyThread_get_thread_ident();
  while (!PyThread_acquire_lock(root->lock, NOWAIT_LOCK)) {
    if (root->owner == self) {
      PyErr_SetString(PyExc_RuntimeError, "this object is in use by a call that a signal handler interrupted");
      return false;
    }
    PyLockStatus status;
    Py_BEGIN_ALLOW_THREADS
    status = PyThread_acquire_lock_timed(root->lock, 50000, 0);
    Py_END_ALLOW_THREADS
    if (status == PY_LOCK_ACQUIRED) break;
    if (PyErr_CheckSignals() != 0) return false;
  }
  root->owner = self;
  return true;
}

void handle_leave(struct handle *handle) {
  handle->root->owner = 0;
  PyThread_release_lock(handle->root->lock);
}

static bool read_size(PyObject *options, const char *name, int64_t *size) {
  PyObject *value = PyDict_GetItemString(options, name);
  if (value) *size = PyLong_AsLongLong(value);
  else PyErr_Format(PyExc_SystemError, "the configuration has no '%s'", name);
  return !PyErr_Occurred();
}

static bool read_grid(PyObject *options, struct geometry *geometry) {
  PyObject *grid = PyDict_GetItemString(options, "grid");
  if (!grid || !PyList_Check(grid) || PyList_Size(grid) != 2) {
    PyErr_SetString(PyExc_SystemError, "the configuration has no 'grid' of two sizes");
    return false;
  }
  geometry->rows = PyLong_AsLongLong(PyList_GetItem(grid, 0));
  geometry->columns = PyLong_AsLongLong(PyList_GetItem(grid, 1));
  return !PyErr_Occurred();
}

bool geometry_take(char *configuration, struct geometry *geometry) {
  SCOPED *json = PyImport_ImportModule("json");
  SCOPED *options = json ? PyObject_CallMethod(json, "loads", "s", configuration) : NULL;
  lm_text_free(configuration);
  bool is_read = options && PyDict_Check(options) && read_grid(options, geometry) &&
                 read_size(options, "patch_size", &geometry->patch) && read_size(options, "patch_gap", &geometry->gap) &&
                 read_size(options, "channels", &geometry->channels) && read_size(options, "width", &geometry->width) &&
                 read_size(options, "depth", &geometry->depth);
  if (!is_read) return false;
  PyObject *rule = PyDict_GetItemString(options, "crop_rule");
  bool grows = !rule || PyUnicode_CompareWithASCIIString(rule, "fixed") != 0;
  int64_t cell = geometry->patch + (grows ? geometry->gap : 0);
  geometry->crop_height = geometry->rows * cell;
  geometry->crop_width = geometry->columns * cell;
  return true;
}

bool geometry_read(const char *options, struct geometry *geometry) {
  char *configuration = NULL;
  lm_status status = lm_model_options(options, &configuration);
  if (status != LM_OK) {
    fail(status);
    return false;
  }
  return geometry_take(configuration, geometry);
}
