#include "private.h"

TEXT_FROM(options, model_options, "-> JSON of all options")
TEXT_FROM(options, training_options, "-> JSON of all options")
TEXT_FROM(name, options, "-> JSON of the list of options with this name")

METHOD(model_options_difference, "options, preset, /", "-> JSON: name to [value, preset's value]") {
  const char *options, *preset;
  PARSE("ss", &options, &preset);
  TEXT(NULL, lm_model_options_difference(options, preset, &text));
}

/// A count, or None where it is drawn.
static PyObject *count_or_none(int64_t count) {
  return count > 0 ? PyLong_FromLongLong(count) : Py_NewRef(Py_None);
}

METHOD(model_sizes, "options, /", "-> dict: what shapes follow from model options") {
  const char *options;
  lm_sizes s;
  PARSE("s", &options);
  CALL(NULL, lm_model_sizes(options, &s));
  return Py_BuildValue(
      "{s:(LL),s:L,s:N,s:N,s:L,s:(LL),s:(LL)}", "training_grid", (long long)s.rows, (long long)s.columns, "num_patches",
      (long long)s.num_patches, "num_visible", count_or_none(s.num_visible), "num_target", count_or_none(s.num_target),
      "cell", (long long)s.cell, "crop_size", (long long)s.crop_height, (long long)s.crop_width, "image_size",
      (long long)s.image_height, (long long)s.image_width);
}
