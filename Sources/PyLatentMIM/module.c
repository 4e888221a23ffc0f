#include "private.h"

static int execute(PyObject *module) {
  PyMethodDef *const areas[] = {runtime_methods,  configuration_methods, data_methods,       model_methods,
                                training_methods, encoder_methods,       evaluation_methods, segmentation_methods};
  for (size_t i = 0; i < sizeof areas / sizeof *areas; ++i) {
    if (PyModule_AddFunctions(module, areas[i]) != 0) return -1;
  }
  if (!collapse_error) {
    collapse_error = PyErr_NewExceptionWithDoc(
        "latentmim.CollapseError", "Training has collapsed: all images look alike to the model.", PyExc_RuntimeError, NULL);
  }
  if (!collapse_error || PyModule_AddObjectRef(module, "CollapseError", collapse_error) != 0) return -1;
  lm_set_interrupt_check(interrupted);
  return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_latentmim",
    .m_doc = "latentmim.h for Python: handles are capsules, arrays go through the buffer protocol. Private: use `latentmim`.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__latentmim(void) { return PyModuleDef_Init(&definition); }
