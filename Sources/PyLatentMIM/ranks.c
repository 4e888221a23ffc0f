#include "private.h"

static PyObject *bytes_at(const void *start, int64_t count, int flags) {
  return start ? PyMemoryView_FromMemory((char *)start, (Py_ssize_t)count, flags) : Py_NewRef(Py_None);
}

/// What was raised already, as by the handler of a signal: it waits while ranks tell each other of it.
struct raised {
  PyObject *type, *value, *traceback;
};

static struct raised put_aside(void) {
  struct raised earlier;
  interrupts_hold(true);
  PyErr_Fetch(&earlier.type, &earlier.value, &earlier.traceback);
  return earlier;
}

/// Whether nothing was raised since; what was put aside goes before it.
static bool take_up(struct raised earlier) {
  bool is_fine = !PyErr_Occurred();
  interrupts_hold(false);
  if (earlier.type) PyErr_Restore(earlier.type, earlier.value, earlier.traceback);
  return is_fine;
}

/// An exchange by `communicator.start(exchange, sent, received)`, flat bytes both. What it raises is left to the caller
/// of the library.
static bool start_exchange(void *communicator, lm_exchange exchange, const void *sent, int64_t sent_bytes,
                           void *received, int64_t received_bytes, int64_t *request) {
  PyGILState_STATE state = PyGILState_Ensure();
  struct raised earlier = put_aside();
  PyObject *result = PyObject_CallMethod(communicator, "start", "iNN", (int)exchange,
                                         bytes_at(sent, sent_bytes, PyBUF_READ),
                                         bytes_at(received, received_bytes, PyBUF_WRITE));
  if (result) *request = PyLong_AsLongLong(result);
  Py_XDECREF(result);
  bool is_started = take_up(earlier);
  PyGILState_Release(state);
  return is_started;
}

static bool finish_exchange(void *communicator, int64_t request, bool waits, bool *ended) {
  PyGILState_STATE state = PyGILState_Ensure();
  struct raised earlier = put_aside();
  PyObject *result =
      PyObject_CallMethod(communicator, "finish", "LO", (long long)request, waits ? Py_True : Py_False);
  if (result) *ended = PyObject_IsTrue(result) > 0;
  Py_XDECREF(result);
  bool is_known = take_up(earlier);
  PyGILState_Release(state);
  return is_known;
}

/// What the library calls of a Python object; it must live as long as what is joined.
#define FUNCTIONS(object, number, count) \
  {.rank = number, .size = count, .context = object, .start = start_exchange, .finish = finish_exchange}

METHOD(trainer_join, "trainer, communicator, rank, size, wire, /", "") {
  struct handle *trainer;
  PyObject *communicator;
  long long rank, size;
  const char *wire;
  PARSE("O&OLLs", trainer_handle, &trainer, &communicator, &rank, &size, &wire);
  // It lives as long as the trainer.
  PyObject *keeps = PyTuple_Pack(2, trainer->keeps, communicator);
  if (!keeps) return NULL;
  Py_DECREF(trainer->keeps);
  trainer->keeps = keeps;
  const lm_communicator functions = FUNCTIONS(communicator, rank, size);
  DO(trainer, lm_trainer_join(trainer->raw, &functions, wire));
}

METHOD(encoder_join, "encoder, communicator, rank, size, /", "-> encoder") {
  struct handle *encoder;
  PyObject *communicator;
  long long rank, size;
  lm_encoder *joined = NULL;
  PARSE("O&OLL", encoder_handle, &encoder, &communicator, &rank, &size);
  const lm_communicator functions = FUNCTIONS(communicator, rank, size);
  CALL(encoder, lm_encoder_join(encoder->raw, &functions, &joined));
  // Its arguments are what it needs.
  return encoder_new(joined, args, encoder);
}

METHOD(encoder_settle, "encoder, problem, /", "problem: an exception, or None") {
  struct handle *encoder;
  PyObject *problem;
  PARSE("O&O", encoder_handle, &encoder, &problem);
  lm_status status = status_of(problem);
  PyObject *words = status == LM_OK ? PyUnicode_FromString("") : PyObject_Str(problem);
  PyObject *bytes = words ? PyUnicode_AsEncodedString(words, "utf-8", "backslashreplace") : NULL;
  Py_XDECREF(words);
  if (!bytes) return NULL;
  bool is_free = handle_enter(encoder);
  if (is_free) WITHOUT_GIL(status = lm_encoder_settle(encoder->raw, status, PyBytes_AsString(bytes)));
  if (is_free) handle_leave(encoder);
  Py_DECREF(bytes);
  if (!is_free) return NULL;
  return status == LM_OK ? Py_NewRef(Py_None) : fail(status);
}
