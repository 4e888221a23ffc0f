#include <string.h>

#include "private.h"

/// Where the linker puts what METHOD enters.
extern PyMethodDef *const __start_lm_methods[], *const __stop_lm_methods[];

static int execute(PyObject *module) {
  for (PyMethodDef *const *entry = __start_lm_methods; entry < __stop_lm_methods; ++entry) {
    if (PyModule_AddFunctions(module, *entry) != 0) return -1;
  }
  if (!collapse_error) {
    collapse_error = PyErr_NewExceptionWithDoc("latentmim.CollapseError",
                                               "Training has collapsed: all images look alike to the model.",
                                               PyExc_RuntimeError, NULL);
  }
  if (!collapse_error || PyModule_AddObjectRef(module, "CollapseError", collapse_error) != 0) return -1;
  lm_set_interrupt_check(interrupted);
  return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_latentmim",
    .m_doc = "latentmim.h for Python: handles are capsules, arrays go through the buffer protocol. Private.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__latentmim(void) { return PyModuleDef_Init(&definition); }

/// The names of a function's arguments: "rows, columns, /)…".
static const char *signature_of(const char *function) {
  for (PyMethodDef *const *entry = __start_lm_methods; entry < __stop_lm_methods; ++entry) {
    if (strcmp((*entry)->ml_name, function) == 0) return strchr((*entry)->ml_doc, '(') + 1;
  }
  return "";
}

/// In place of OverflowError, a ValueError that names the integer beyond 64 bits.
static void name_overflow(PyObject *args, const char *function) {
  PyErr_Clear();
  const char *name = signature_of(function);
  for (Py_ssize_t i = 0; i < PyTuple_Size(args); ++i) {
    PyObject *value = PyTuple_GetItem(args, i);
    int overflow = 0;
    if (PyLong_Check(value)) PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow) break;
    name += strcspn(name, ",");
    name += strspn(name, ", ");
  }
  PyObject *text = PyUnicode_FromStringAndSize(name, (Py_ssize_t)strcspn(name, ",)"));
  if (text) PyErr_Format(PyExc_ValueError, "%s: %U is an integer beyond 64 bits", function, text);
  Py_XDECREF(text);
}

bool parse(PyObject *args, const char *function, const char *format, ...) {
  va_list places;
  va_start(places, format);
  int is_parsed = PyArg_VaParse(args, format, places);
  va_end(places);
  if (!is_parsed && PyErr_ExceptionMatches(PyExc_OverflowError)) name_overflow(args, function);
  return is_parsed;
}
