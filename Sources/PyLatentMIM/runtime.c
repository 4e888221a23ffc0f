#include "private.h"

static PyObject *version(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  return PyUnicode_FromString(lm_version());
}

static PyObject *thread_count(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  return PyLong_FromLong(lm_thread_count());
}

static PyObject *set_thread_count(PyObject *self, PyObject *args) {
  (void)self;
  int count;
  if (!PyArg_ParseTuple(args, "i", &count)) return NULL;
  return none_or_fail(lm_set_thread_count(count));
}

static PyObject *instruction_set(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  return PyUnicode_FromString(lm_instruction_set());
}

static PyObject *set_instruction_set(PyObject *self, PyObject *args) {
  (void)self;
  const char *name;
  if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_set_instruction_set(name));  // it waits for computations, which may want the GIL
  return none_or_fail(status);
}

static PyObject *memory_statistics(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  lm_memory memory = {0};
  lm_memory_statistics(&memory);
  return Py_BuildValue("(LLLL)", (long long)memory.allocations, (long long)memory.bytes_in_use,
                       (long long)memory.peak_bytes_in_use, (long long)memory.bytes_kept);
}

static PyObject *measure_peak(PyObject *self, PyObject *args) {
  (void)self;
  const char *precision;
  double seconds, flops = 0;
  if (!PyArg_ParseTuple(args, "sd", &precision, &seconds)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_measure_peak(precision, seconds, &flops));
  return status == LM_OK ? PyFloat_FromDouble(flops) : fail(status);
}

static PyObject *measure_product(PyObject *self, PyObject *args) {
  (void)self;
  const char *kind, *precision;
  long long rows, out_width, in_width;
  double seconds, flops = 0;
  if (!PyArg_ParseTuple(args, "sLLLsd", &kind, &rows, &out_width, &in_width, &precision, &seconds)) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_measure_product(kind, rows, out_width, in_width, precision, seconds, &flops));
  return status == LM_OK ? PyFloat_FromDouble(flops) : fail(status);
}

static PyObject *profile_start(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  lm_profile_start();
  Py_RETURN_NONE;
}

static PyObject *profile_stop(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  char *entries = NULL;
  lm_status status = lm_profile_stop(&entries);
  return status == LM_OK ? take_text(entries) : fail(status);
}

PyMethodDef runtime_methods[] = {
    {"version", version, METH_NOARGS, "version() -> str"},
    {"thread_count", thread_count, METH_NOARGS, "thread_count() -> int"},
    {"set_thread_count", set_thread_count, METH_VARARGS, "set_thread_count(count)"},
    {"instruction_set", instruction_set, METH_NOARGS, "instruction_set() -> str"},
    {"set_instruction_set", set_instruction_set, METH_VARARGS, "set_instruction_set(name)"},
    {"memory_statistics", memory_statistics, METH_NOARGS,
     "memory_statistics() -> (allocations, bytes in use, peak bytes in use, bytes kept)"},
    {"profile_start", profile_start, METH_NOARGS, "profile_start()"},
    {"profile_stop", profile_stop, METH_NOARGS, "profile_stop() -> json: name to [calls, seconds, operations, bytes]"},
    {"measure_peak", measure_peak, METH_VARARGS, "measure_peak(precision, seconds) -> operations a second"},
    {"measure_product", measure_product, METH_VARARGS,
     "measure_product(kind, rows, out width, in width, precision, seconds) -> operations a second"},
    {NULL, NULL, 0, NULL},
};
