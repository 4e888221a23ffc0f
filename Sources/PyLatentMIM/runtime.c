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
  return none_or_fail(lm_set_instruction_set(name));
}

static PyObject *memory_statistics(PyObject *self, PyObject *args) {
  (void)self, (void)args;
  lm_memory memory = {0};
  lm_memory_statistics(&memory);
  return Py_BuildValue("(LLLL)", (long long)memory.allocations, (long long)memory.bytes_in_use,
                       (long long)memory.peak_bytes_in_use, (long long)memory.bytes_kept);
}

PyMethodDef runtime_methods[] = {
    {"version", version, METH_NOARGS, "version() -> str"},
    {"thread_count", thread_count, METH_NOARGS, "thread_count() -> int"},
    {"set_thread_count", set_thread_count, METH_VARARGS, "set_thread_count(count)"},
    {"instruction_set", instruction_set, METH_NOARGS, "instruction_set() -> str"},
    {"set_instruction_set", set_instruction_set, METH_VARARGS, "set_instruction_set(name)"},
    {"memory_statistics", memory_statistics, METH_NOARGS,
     "memory_statistics() -> (allocations, bytes in use, peak bytes in use, bytes kept)"},
    {NULL, NULL, 0, NULL},
};
