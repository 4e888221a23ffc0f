#include <string.h>
#include <time.h>

#include "private.h"

PyObject *collapse_error;

static PyObject *exception_class(lm_status status) {
  switch (status) {
    case LM_TYPE: return PyExc_TypeError;
    case LM_IO: return PyExc_OSError;
    case LM_MEMORY: return PyExc_MemoryError;
    case LM_INTERRUPTED: return PyExc_KeyboardInterrupt;
    case LM_NOT_FINITE: return PyExc_FloatingPointError;
    case LM_COLLAPSED: return collapse_error;
    case LM_VALUE: return PyExc_ValueError;
    case LM_OK: break;
  }
  return PyExc_SystemError;
}

PyObject *fail(lm_status status) {
  if (!PyErr_Occurred()) PyErr_SetString(exception_class(status), lm_last_error());
  return NULL;
}

PyObject *none_or_fail(lm_status status) {
  if (status != LM_OK) return fail(status);
  Py_RETURN_NONE;
}

PyObject *take_text(char *text) {
  if (!text) Py_RETURN_NONE;
  PyObject *result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
  lm_text_free(text);
  return result;
}

void object_release(PyObject **object) { Py_XDECREF(*object); }

/// Nothing is asked of Python on threads that are not in a call of this module, nor more often than every 50 ms.
static _Thread_local int calls;
static _Thread_local int64_t last_check;

void begin_call(void) { ++calls; }
void end_call(void) { --calls; }

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool interrupted(void) {
  if (calls == 0) return false;
  int64_t now = milliseconds();
  if (now - last_check < 50) return false;
  last_check = now;
  PyGILState_STATE state = PyGILState_Ensure();
  bool raised = PyErr_CheckSignals() != 0;
  PyGILState_Release(state);
  return raised;
}
