/// What the files of `_latentmim` share. Each binds one section of latentmim.h, under its name, and calls nothing else.
#pragma once

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "latentmim.h"

// ---- Functions of the module: module.c -----------------------------------------------------------------------------

/// Begins a function of the module and enters it into the module's list. `signature` names its arguments, if it has
/// any: help(), the stub's test and messages read it.
#define METHOD(name, signature, doc)                                                                              \
  static PyObject *name(PyObject *self, PyObject *args);                                                          \
  static PyMethodDef name##_list[] = {                                                                            \
      {#name, name, sizeof signature > 1 ? METH_VARARGS : METH_NOARGS, #name "(" signature ")\n--\n\n" doc},      \
      {NULL, NULL, 0, NULL}};                                                                                     \
  static PyMethodDef *const name##_entry __attribute__((section("lm_methods"), used, retain)) = name##_list;      \
  static PyObject *name(PyObject *Py_UNUSED(self), __attribute__((unused)) PyObject *args)

/// PyArg_ParseTuple of `args`; leaves the function where they do not fit.
#define PARSE(...) \
  if (!parse(args, __func__, __VA_ARGS__)) return NULL
bool parse(PyObject *args, const char *function, const char *format, ...);
/// Declares and parses the one argument of a function, a handle named as its kind.
#define ONLY(kind)       \
  struct handle *kind;   \
  PARSE("O&", kind##_handle, &kind)

/// Calls the library without the GIL, while holding a handle (or NULL) against other threads; leaves with its error.
#define CALL(held, call)                        \
  do {                                          \
    lm_status status;                           \
    if (!handle_enter(held)) return NULL;       \
    WITHOUT_GIL(status = call);                 \
    handle_leave(held);                         \
    if (status != LM_OK) return fail(status);   \
  } while (0)
/// The same, and returns None.
#define DO(held, call) \
  CALL(held, call);    \
  Py_RETURN_NONE
/// The same, and returns the text that it writes to `text`.
#define TEXT(held, call)     \
  char *text = NULL;         \
  CALL(held, call);          \
  return take_text(text)
/// A function of the module that calls the library's of the same name: a text of a handle, …
#define TEXT_OF(kind, held, function, doc)        \
  METHOD(function, #kind ", /", doc) {            \
    ONLY(kind);                                   \
    TEXT(held, lm_##function(kind->raw, &text));  \
  }
/// … a text that follows from another, …
#define TEXT_FROM(argument, function, doc)        \
  METHOD(function, #argument ", /", doc) {        \
    const char *argument;                         \
    PARSE("s", &argument);                        \
    TEXT(NULL, lm_##function(argument, &text));   \
  }
/// … a number of a handle that never changes, …
#define NUMBER_OF(kind, function)                             \
  METHOD(function, #kind ", /", "-> int") {                   \
    ONLY(kind);                                               \
    return PyLong_FromLongLong(lm_##function(kind->raw));     \
  }
/// … what is done with a handle and a path.
#define WITH_PATH(kind, function)                               \
  METHOD(function, #kind ", path, /", "") {                     \
    struct handle *kind;                                        \
    PATH path = {0};                                            \
    PARSE("O&O&", kind##_handle, &kind, path_argument, &path);  \
    DO(kind, lm_##function(kind->raw, path.text));              \
  }

#define WITHOUT_GIL(call)   \
  Py_BEGIN_ALLOW_THREADS    \
  begin_call();             \
  call;                     \
  end_call();               \
  Py_END_ALLOW_THREADS

// ---- errors.c ------------------------------------------------------------------------------------------------------

/// Sets the exception that goes with a status; returns NULL. One that is set already (by a signal handler) stays.
PyObject *fail(lm_status status);
/// The kind of an exception; LM_OK for None.
lm_status status_of(PyObject *error);
/// The exception class of LM_COLLAPSED, made when the module is.
extern PyObject *collapse_error;
/// A str from a text of the library, which is freed; None for NULL.
PyObject *take_text(char *text);
/// The library's interrupt check: whether a Python signal handler raised.
bool interrupted(void);
/// Holds Ctrl-C back, for Python's handlers that ask, until it is called with false as often.
void interrupts_hold(bool is_begin);
/// Marks the time in which this thread is inside the library without the GIL.
void begin_call(void);
void end_call(void);

// ---- arguments.c: converters for "O&" and what they fill, which is let go of at the end of its scope ----------------

typedef enum element { PIXEL, UINT8, UINT16, INT32, INT64, FLOAT32, FLOAT64 } element;

/// A C-contiguous array held through the buffer protocol, and what is wanted of it.
struct array {
  const char *name;
  element type;
  int dimensions;  ///< −1: any number
  bool is_written;
  bool is_held;
  Py_buffer view;
};
#define SCOPED(release, type) __attribute__((cleanup(release))) type
#define ARRAY SCOPED(array_release, struct array)
/// What an ARRAY begins as: one that is read, or one that is written to.
#define READ(name, type, dimensions) {name, type, dimensions, false, false, {0}}
#define WRITTEN(name, type, dimensions) {name, type, dimensions, true, false, {0}}
int array_argument(PyObject *object, void *array);
/// The same, or None.
int optional_array(PyObject *object, void *array);
void array_release(struct array *array);
/// Leaves the function unless the array has this shape; −1 leaves a size open.
#define SHAPED(array, ...) \
  if (!has_shape(&array, (const int64_t[]){__VA_ARGS__})) return NULL
bool has_shape(const struct array *array, const int64_t *shape);
_Static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "shapes of buffers are read as they are");
#define SHAPE(array) ((const int64_t *)(array).view.shape)
#define SIZE(array, axis) (SHAPE(array)[axis])
#define DATA(array) ((array).is_held ? (array).view.buf : NULL)
/// The format and the places of (channels, (red, green, blue)), of which an lm_conversion is made.
#define CONVERSION "(L(fff))"
#define CONVERTED(wanted) &(wanted).channels, &(wanted).background[0], &(wanted).background[1], &(wanted).background[2]
/// Images [B, H, W, channels], uint8, uint16 or float32.
#define PIXELS(name) READ(name, PIXEL, 4)
lm_pixels pixels_of(const struct array *array);

/// A path as the system knows it.
struct path {
  PyObject *bytes;
  const char *text;
};
#define PATH SCOPED(path_release, struct path)
int path_argument(PyObject *object, void *path);
void path_release(struct path *path);

/// An integer 0 … 2⁶⁴ − 1.
int seed_argument(PyObject *object, void *seed);

// ---- arrays.c ------------------------------------------------------------------------------------------------------

/// Arrays by name, and what they lie in.
struct named_arrays {
  lm_array *list;
  Py_ssize_t count;
  struct array *held;
  PyObject *items;
};
#define NAMED_ARRAYS SCOPED(named_arrays_release, struct named_arrays)
/// A dict of name → float32 array.
int named_arrays_argument(PyObject *dict, void *arrays);
void named_arrays_release(struct named_arrays *arrays);

// ---- views.c -------------------------------------------------------------------------------------------------------

/// Views and the arrays that hold them.
struct views {
  struct array visible, target, offsets;
  long long target_blocks;
};
#define VIEWS SCOPED(views_release, struct views)
/// A tuple (visible, target, offsets, target blocks), or None.
int views_argument(PyObject *tuple, void *views);
void views_release(struct views *views);
/// Describes views of `batch` images; false, with an exception set, where an array has another size.
bool views_of(const struct views *views, int64_t batch, lm_views *described);

// ---- images.c ------------------------------------------------------------------------------------------------------

/// ((height, width, channels), their float32 values in a bytearray). Gives the image back.
PyObject *image_pixels(lm_image *image);

// ---- models.c ------------------------------------------------------------------------------------------------------

/// A dict of name → number.
PyObject *metrics_new(const lm_metrics *metrics);

// ---- handles.c -----------------------------------------------------------------------------------------------------

/// What a capsule points to.
struct handle {
  void *raw;
  PyObject *keeps;      ///< what must live as long: other capsules, memory views
  struct handle *root;  ///< the handle whose lock covers this one: a model's for its trainer, optimiser and encoder
  PyThread_type_lock lock;
  unsigned long owner;  ///< the thread that holds the lock
  long process;         ///< in which the lock is known to work: a fork may leave it locked by a thread of the parent
  lm_sizes sizes;       ///< a model's and an encoder's
};

/// Kinds of handles, and converters for "O&": the handle in a capsule of that kind.
#define KINDS(apply) \
  apply(model) apply(adamw) apply(trainer) apply(encoder) apply(dataset) apply(tracker) apply(scores)
#define DECLARE_KIND(kind)        \
  extern const char kind##_kind[]; \
  int kind##_handle(PyObject *capsule, void *handle);
KINDS(DECLARE_KIND)

/// Wraps what a library call handed out. Takes over `raw`, also on failure; `keeps` may be NULL, and so may `root`.
PyObject *handle_new(const char *kind, void *raw, PyObject *keeps, struct handle *root);
/// The same for an encoder.
PyObject *encoder_new(lm_encoder *encoder, PyObject *keeps, struct handle *root);

/// Waits until no other thread uses the handle; NULL is free. False, with an exception set, when that cannot be.
bool handle_enter(struct handle *handle);
void handle_leave(struct handle *handle);
