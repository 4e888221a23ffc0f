/// What models and encoders have alike: they are loaded, made from arrays, saved, and tell their configuration.
#pragma once
#include "private.h"

/// The functions of a kind, over the library's of the same names; and `…_new`, which wraps what a call has handed out,
/// with the sizes of its configuration.
#define STORED(kind)                                                                                             \
  PyObject *kind##_new(lm_##kind *made, PyObject *keeps, struct handle *root) {                                  \
    char *configuration = NULL;                                                                                  \
    lm_sizes sizes;                                                                                              \
    lm_status status = lm_##kind##_configuration(made, &configuration);                                          \
    if (status == LM_OK) status = lm_model_sizes(configuration, &sizes);                                         \
    lm_text_free(configuration);                                                                                 \
    if (status != LM_OK) {                                                                                       \
      lm_release(made);                                                                                          \
      return fail(status);                                                                                       \
    }                                                                                                            \
    PyObject *capsule = handle_new(kind##_kind, made, keeps, root);                                              \
    if (capsule) ((struct handle *)PyCapsule_GetPointer(capsule, kind##_kind))->sizes = sizes;                   \
    return capsule;                                                                                              \
  }                                                                                                              \
  METHOD(kind##_load, "path, options, /", "-> (" #kind ", remarks or None)") {                                   \
    PATH path = {0};                                                                                             \
    const char *options;                                                                                         \
    lm_##kind *made = NULL;                                                                                      \
    char *remarks = NULL;                                                                                        \
    PARSE("O&s", path_argument, &path, &options);                                                                \
    CALL(NULL, lm_##kind##_load(path.text, options, &made, &remarks));                                           \
    return Py_BuildValue("(NN)", kind##_new(made, NULL, NULL), take_text(remarks));                              \
  }                                                                                                              \
  METHOD(kind##_from_arrays, "arrays, title, options, /", "-> (" #kind ", remarks or None)") {                   \
    NAMED_ARRAYS arrays = {0};                                                                                   \
    const char *title, *options;                                                                                 \
    lm_##kind *made = NULL;                                                                                      \
    char *remarks = NULL;                                                                                        \
    PARSE("O&ss", named_arrays_argument, &arrays, &title, &options);                                             \
    CALL(NULL, lm_##kind##_from_arrays(arrays.list, arrays.count, title, options, &made, &remarks));             \
    return Py_BuildValue("(NN)", kind##_new(made, NULL, NULL), take_text(remarks));                              \
  }                                                                                                              \
  WITH_PATH(kind, kind##_save)                                                                                   \
  TEXT_OF(kind, NULL, kind##_configuration, "-> JSON of all options")
