/// What the files of `_latentmim` share. Each file binds one area of latentmim.h and calls nothing else.
#ifndef PYLATENTMIM_PRIVATE_H
#define PYLATENTMIM_PRIVATE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "latentmim.h"

// ---- errors.c ------------------------------------------------------------------------------------------------------

/// Sets the Python exception that goes with a status; returns NULL. An exception already set (by a signal handler)
/// stays.
PyObject *fail(lm_status status);
/// None, or `fail`.
PyObject *none_or_fail(lm_status status);
/// The exception class of LM_COLLAPSED, made when the module is.
extern PyObject *collapse_error;
/// A str from a text of the library, which is freed; None for NULL.
PyObject *take_text(char *text);
/// The handle of an encoder that a call has made, or its error.
PyObject *encoder_new(lm_status status, lm_encoder *encoder);
/// The library's interrupt check: whether a Python signal handler raised.
bool interrupted(void);
/// Marks the time in which this thread is inside the library without the GIL.
void begin_call(void);
void end_call(void);

void object_release(PyObject **object);
/// A reference given up at the end of its scope.
#define SCOPED __attribute__((cleanup(object_release))) PyObject

// ---- buffers.c -----------------------------------------------------------------------------------------------------

typedef enum element { UINT8 = 'B', INT32 = 'i', INT64 = 'q', FLOAT32 = 'f', FLOAT64 = 'd' } element;

/// A C-contiguous array held through the buffer protocol.
struct array {
  Py_buffer view;
  bool held;
};
void array_release(struct array *array);
/// Arrays let go of what they hold at the end of their scope.
#define ARRAY __attribute__((cleanup(array_release))) struct array

/// Holds an array of `dimensions` sizes; −1 in `shape` leaves one open. Sets TypeError or ValueError and returns false
/// otherwise.
bool array_in(PyObject *object, const char *name, element type, int dimensions, const int64_t *shape, struct array *array);
/// The same for an array that is written to.
bool array_out(PyObject *object, const char *name, element type, int dimensions, const int64_t *shape, struct array *array);
/// Holds a float32 array of any shape.
bool array_any(PyObject *object, const char *name, struct array *array);
/// Holds images [B, H, W, channels], uint8 or float32.
bool pixels_in(PyObject *object, const char *name, struct array *array, lm_pixels *pixels);
#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

// ---- handles.c -----------------------------------------------------------------------------------------------------

/// The sizes that arrays handed to a model must have.
struct geometry {
  int64_t rows, columns, patch, gap, channels, width, depth;
  int64_t crop_height, crop_width;  ///< of training crops, in pixels
};
/// Reads them from model options, which are completed first.
bool geometry_read(const char *options, struct geometry *geometry);
/// The same from a complete configuration, which is freed.
bool geometry_take(char *configuration, struct geometry *geometry);

/// Views in arrays [batch, V], [batch, T] and [batch, L, 2].
lm_views views_of(int64_t batch, int64_t blocks, const Py_buffer *visible, const Py_buffer *target, const Py_buffer *offsets);

/// What a capsule points to.
struct handle {
  void *raw;
  void (*release)(void *raw);
  PyObject *keeps;      ///< what must live as long: other capsules, memory views
  struct handle *root;  ///< the handle whose lock covers this one: a model's for its trainer, optimiser and encoder
  PyThread_type_lock lock;
  unsigned long owner;  ///< the thread that holds the lock
  long process;         ///< in which the lock is known to work: a fork may have left it locked by a thread of the parent
  struct geometry geometry;
};

/// Wraps what a library call handed out. Takes over `raw`, also on failure; `keeps` may be NULL, and so may `root`.
PyObject *handle_new(const char *kind, void *raw, void (*release)(void *), PyObject *keeps, struct handle *root,
                     const struct geometry *geometry);
#define RELEASE(function) ((void (*)(void *))(function))

extern const char *const model_kind, *const adamw_kind, *const trainer_kind, *const encoder_kind, *const dataset_kind,
    *const image_kind, *const tree_kind;
/// Converters for PyArg_ParseTuple's "O&": the handle in a capsule of the right kind.
int model_handle(PyObject *capsule, void *handle);
int adamw_handle(PyObject *capsule, void *handle);
int trainer_handle(PyObject *capsule, void *handle);
int encoder_handle(PyObject *capsule, void *handle);
int dataset_handle(PyObject *capsule, void *handle);
int image_handle(PyObject *capsule, void *handle);
int tree_handle(PyObject *capsule, void *handle);
/// A converter: an integer 0 … 2⁶⁴ − 1.
int seed_value(PyObject *object, void *seed);

/// Waits until no other thread uses the handle. False, with an exception set, when that cannot be.
bool handle_enter(struct handle *handle);
void handle_leave(struct handle *handle);

/// Runs `call` without the GIL.
#define WITHOUT_GIL(call)  \
  do {                     \
    Py_BEGIN_ALLOW_THREADS \
    begin_call();          \
    call;                  \
    end_call();            \
    Py_END_ALLOW_THREADS   \
  } while (0)

/// The same while holding `handle` against other threads; leaves the function when that fails.
#define WITH(handle, call)                   \
  do {                                       \
    if (!handle_enter(handle)) return NULL;  \
    WITHOUT_GIL(call);                       \
    handle_leave(handle);                    \
  } while (0)

// ---- arrays.c ------------------------------------------------------------------------------------------------------

/// Arrays by name, and the buffers they lie in.
struct named_arrays {
  lm_arrays *arrays;
  struct array *held;
  Py_ssize_t count;
};
void named_arrays_release(struct named_arrays *arrays);
#define NAMED_ARRAYS __attribute__((cleanup(named_arrays_release))) struct named_arrays
/// Holds a dict of name → float32 array.
bool named_arrays_in(PyObject *dict, struct named_arrays *arrays);

// ---- stored.c ------------------------------------------------------------------------------------------------------

/// Library functions, their own type in place of void: what saves or restores, and what tells a configuration.
typedef lm_status path_function(void *raw, const char *path);
typedef lm_status configuration_function(const void *raw, char **options);
#define PATH_FUNCTION(function) ((path_function *)(function))
#define CONFIGURATION_FUNCTION(function) ((configuration_function *)(function))

/// One of the converters above.
typedef int (*converter)(PyObject *capsule, void *handle);
/// function(handle, path) -> None
PyObject *path_call(PyObject *args, converter convert, path_function *call);
/// function(handle) -> json. Without the handle's lock: configurations do not change.
PyObject *configuration_call(PyObject *args, converter convert, configuration_function *read);

typedef lm_status load_function(const char *path, const char *options, void **made, char **remarks);
typedef lm_status arrays_function(
    const lm_arrays *arrays, const char *title, const char *options, void **made, char **remarks);
#define LOAD_FUNCTION(function) ((load_function *)(function))
#define ARRAYS_FUNCTION(function) ((arrays_function *)(function))

/// What files hold, a model or an encoder: the library's functions for it.
struct stored {
  const char *const *kind;
  load_function *load;
  arrays_function *from_arrays;
  configuration_function *configuration;
  void (*release)(void *raw);
};
/// The capsule of what a library call handed out, with the sizes of its configuration; see `handle_new`.
PyObject *stored_new(const struct stored *type, lm_status status, void *raw, PyObject *keeps, struct handle *root);
/// The same, and what was noticed about its file, which is freed: (capsule, text or None).
PyObject *stored_with_remarks(const struct stored *type, lm_status status, void *raw, char *remarks);
/// load(path) -> (capsule, text or None)
PyObject *stored_load(const struct stored *type, PyObject *args);
/// from_arrays(dict, title, json) -> (capsule, text or None)
PyObject *stored_from_arrays(const struct stored *type, PyObject *args);

// ---- The functions of each area ------------------------------------------------------------------------------------

extern PyMethodDef runtime_methods[], configuration_methods[], data_methods[], model_methods[], training_methods[],
    encoder_methods[], evaluation_methods[], segmentation_methods[];

#endif
