#include "private.h"

METHOD(version, "", "'major.minor.patch'") {
  return PyUnicode_FromString(lm_version());
}

METHOD(thread_count, "", "-> int") {
  return PyLong_FromLong(lm_thread_count());
}

METHOD(set_thread_count, "count, /", "") {
  long long count;
  PARSE("L", &count);
  DO(NULL, lm_set_thread_count(count));
}

METHOD(instruction_set, "", "-> str") {
  return PyUnicode_FromString(lm_instruction_set());
}

METHOD(set_instruction_set, "name, /", "") {
  const char *name;
  PARSE("s", &name);
  DO(NULL, lm_set_instruction_set(name));
}

METHOD(has_precision, "name, /", "-> bool") {
  const char *name;
  PARSE("s", &name);
  return PyBool_FromLong(lm_has_precision(name));
}

METHOD(environment, "", "-> JSON: what computes in this process") {
  TEXT(NULL, lm_environment(&text));
}

METHOD(memory_statistics, "", "-> (allocations, bytes in use, peak bytes in use, bytes kept)") {
  lm_memory memory = {0};
  lm_memory_statistics(&memory);
  return Py_BuildValue("(LLLL)", (long long)memory.allocations, (long long)memory.bytes_in_use,
                       (long long)memory.peak_bytes_in_use, (long long)memory.bytes_kept);
}

METHOD(measure_peak, "precision, seconds, /", "-> floating-point operations a second") {
  const char *precision;
  double seconds, flops = 0;
  PARSE("sd", &precision, &seconds);
  CALL(NULL, lm_measure_peak(precision, seconds, &flops));
  return PyFloat_FromDouble(flops);
}

METHOD(measure_product, "kind, rows, out_width, in_width, precision, seconds, /",
       "-> floating-point operations a second") {
  const char *kind, *precision;
  long long rows, out_width, in_width;
  double seconds, flops = 0;
  PARSE("sLLLsd", &kind, &rows, &out_width, &in_width, &precision, &seconds);
  CALL(NULL, lm_measure_product(kind, rows, out_width, in_width, precision, seconds, &flops));
  return PyFloat_FromDouble(flops);
}

METHOD(profile_start, "", "") {
  lm_profile_start();
  Py_RETURN_NONE;
}

METHOD(profile_stop, "", "-> JSON: name to [calls, seconds, operations, bytes]") {
  TEXT(NULL, lm_profile_stop(&text));
}
