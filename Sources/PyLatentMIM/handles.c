#include <stdlib.h>
#include <unistd.h>

#include "private.h"

static void handle_free(struct handle *handle) {
  lm_release(handle->raw);
  if (handle->lock) PyThread_free_lock(handle->lock);
  // Last: a trainer goes before the model it trains.
  Py_XDECREF(handle->keeps);
  free(handle);
}

static void capsule_free(PyObject *capsule) { handle_free(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))); }

PyObject *handle_new(const char *kind, void *raw, PyObject *keeps, struct handle *root) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (!handle) {
    lm_release(raw);
    return PyErr_NoMemory();
  }
  *handle = (struct handle){.raw = raw, .keeps = Py_XNewRef(keeps)};
  handle->root = root ? root->root : handle;
  handle->process = getpid();
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

#define DEFINE_KIND(kind)                                                                                        \
  const char kind##_kind[] = "latentmim." #kind;                                                                 \
  int kind##_handle(PyObject *capsule, void *handle) { return handle_of(capsule, handle, kind##_kind); }
KINDS(DEFINE_KIND)

/// In a forked child, whether the lock is free: a thread of the parent that held it will never give it back here.
static bool survives_fork(struct handle *root) {
  if (root->process == getpid()) return true;
  if (!PyThread_acquire_lock(root->lock, NOWAIT_LOCK)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this object was in use by another thread when the process was forked, and what that thread left "
                    "may be incomplete: load or make it again in this process, or fork before the thread starts");
    return false;
  }
  PyThread_release_lock(root->lock);
  root->process = getpid();
  return true;
}

bool handle_enter(struct handle *handle) {
  if (!handle) return true;
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
  if (!handle) return;
  handle->root->owner = 0;
  PyThread_release_lock(handle->root->lock);
}
