#define Py_LIMITED_API 0x030B0000
#include <Python.h>
