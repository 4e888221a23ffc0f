#include <string.h>
#include <time.h>

#include "private.h"

PyObject *collapse_error;

static PyObject *exception_class(lm_status status) {
  PyObject *const classes[] = {
      [LM_OK] = PyExc_SystemError,
      [LM_VALUE] = PyExc_ValueError,
      [LM_IO] = PyExc_OSError,
      [LM_MEMORY] = PyExc_MemoryError,
      [LM_INTERRUPTED] = PyExc_KeyboardInterrupt,
      [LM_NOT_FINITE] = PyExc_FloatingPointError,
      [LM_COLLAPSED] = collapse_error};
  return classes[status];
}

lm_status status_of(PyObject *error) {
  if (error == Py_None) return LM_OK;
  for (lm_status status = LM_IO; status <= LM_COLLAPSED; status++)
    if (PyErr_GivenExceptionMatches(error, exception_class(status))) return status;
  return LM_VALUE;
}

/// What the system refused, as Python raises it itself: FileNotFoundError and its like, with errno and filename.
static PyObject *fail_as_system(int code, const char *path) {
  PyObject *arguments = Py_BuildValue("(isN)", code, strerror(code), PyUnicode_DecodeFSDefault(path));
  if (arguments) PyErr_SetObject(PyExc_OSError, arguments);
  Py_XDECREF(arguments);
  return NULL;
}

PyObject *fail(lm_status status) {
  if (PyErr_Occurred()) return NULL;
  const char *path = lm_last_path();
  if (status == LM_IO && path) return fail_as_system(lm_last_errno(), path);
  PyErr_SetString(exception_class(status), lm_last_error());
  return NULL;
}

PyObject *take_text(char *text) {
  if (!text) Py_RETURN_NONE;
  PyObject *result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
  lm_text_free(text);
  return result;
}

/// While ranks exchange something Ctrl-C must not end Python's part of it: it comes again behind that.
static int holds;
static bool is_held_back;

void interrupts_hold(bool is_begin) {
  holds += is_begin ? 1 : -1;
  if (holds > 0 || !is_held_back) return;
  is_held_back = false;
  PyErr_SetInterrupt();
}

METHOD(hold_interrupts, "holds, /", "Until it is called with False, interrupts are held back; calls may be nested.") {
  int is_begin;
  PARSE("p", &is_begin);
  interrupts_hold(is_begin);
  Py_RETURN_NONE;
}

METHOD(holds_interrupt, "", "-> whether an interrupt that has come is held back") {
  is_held_back = is_held_back || holds > 0;
  return PyBool_FromLong(holds > 0);
}

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
