#include "private.h"

METHOD(adamw_create, "model, beta1, beta2, epsilon, weight_decay, /", "-> adamw") {
  struct handle *model;
  double beta1, beta2, epsilon, weight_decay;
  lm_adamw *optimizer = NULL;
  PARSE("O&dddd", model_handle, &model, &beta1, &beta2, &epsilon, &weight_decay);
  CALL(model, lm_adamw_create(model->raw, beta1, beta2, epsilon, weight_decay, &optimizer));
  return handle_new(adamw_kind, optimizer, PyTuple_GetItem(args, 0), model);
}

METHOD(adamw_step, "optimizer, learning_rate, /", "") {
  struct handle *optimizer;
  double learning_rate;
  PARSE("O&d", adamw_handle, &optimizer, &learning_rate);
  DO(optimizer, lm_adamw_step(optimizer->raw, learning_rate));
}

METHOD(trainer_create, "model, dataset, options, /", "-> trainer") {
  struct handle *model, *dataset;
  const char *options;
  lm_trainer *trainer = NULL;
  PARSE("O&O&s", model_handle, &model, dataset_handle, &dataset, &options);
  CALL(model, lm_trainer_create(model->raw, dataset->raw, options, &trainer));
  // Its arguments are what it needs.
  return handle_new(trainer_kind, trainer, args, model);
}

static PyObject *bytes_at(const void *start, int64_t count, int flags) {
  return start ? PyMemoryView_FromMemory((char *)start, (Py_ssize_t)count, flags) : Py_NewRef(Py_None);
}

/// An exchange by `communicator.start(exchange, sent, received)`, flat bytes both. What it raises is left to the caller
/// of the library.
static bool start_exchange(void *communicator, lm_exchange exchange, const void *sent, int64_t sent_bytes,
                           void *received, int64_t received_bytes, int64_t *request) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *result = PyObject_CallMethod(communicator, "start", "iNN", (int)exchange,
                                         bytes_at(sent, sent_bytes, PyBUF_READ),
                                         bytes_at(received, received_bytes, PyBUF_WRITE));
  if (result) *request = PyLong_AsLongLong(result);
  Py_XDECREF(result);
  bool is_started = !PyErr_Occurred();
  PyGILState_Release(state);
  return is_started;
}

static bool finish_exchange(void *communicator, int64_t request, bool waits, bool *ended) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *result =
      PyObject_CallMethod(communicator, "finish", "LO", (long long)request, waits ? Py_True : Py_False);
  if (result) *ended = PyObject_IsTrue(result) > 0;
  Py_XDECREF(result);
  bool is_known = !PyErr_Occurred();
  PyGILState_Release(state);
  return is_known;
}

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
  const lm_communicator functions = {
      .rank = rank, .size = size, .context = communicator, .start = start_exchange, .finish = finish_exchange};
  DO(trainer, lm_trainer_join(trainer->raw, &functions, wire));
}

METHOD(trainer_progress, "trainer, /",
       "-> (step, total steps, steps per epoch, peak learning rate, looks collapsed, progress, seconds)") {
  lm_trainer_state s = {0};
  ONLY(trainer);
  CALL(trainer, lm_trainer_progress(trainer->raw, &s));
  return Py_BuildValue("(LLLdOdd)", (long long)s.step, (long long)s.total_steps, (long long)s.steps_per_epoch,
                       s.peak_learning_rate, s.looks_collapsed ? Py_True : Py_False, s.progress, s.seconds);
}

METHOD(trainer_reschedule, "trainer, progress, total_steps, seconds, /", "") {
  struct handle *trainer;
  double progress, seconds;
  long long total_steps;
  PARSE("O&dLd", trainer_handle, &trainer, &progress, &total_steps, &seconds);
  DO(trainer, lm_trainer_reschedule(trainer->raw, progress, total_steps, seconds));
}

TEXT_OF(trainer, trainer, trainer_data, "-> JSON: what a checkpoint remembers the images by")
TEXT_OF(trainer, trainer, trainer_precision, "-> 'float32' or 'bf16'")

METHOD(trainer_memory_estimate, "trainer, /", "-> bytes of (weights, moments, step, loader, total)") {
  ONLY(trainer);
  lm_memory_estimate e = {0};
  CALL(trainer, lm_trainer_memory_estimate(trainer->raw, &e));
  return Py_BuildValue("(LLLLL)", (long long)e.weights, (long long)e.moments, (long long)e.step, (long long)e.loader,
                       (long long)e.total);
}

METHOD(trainer_step, "trainer, /", "-> dict of metrics, or None at the end") {
  struct handle *trainer;
  lm_metrics metrics;
  bool done = false;
  PARSE("O&", trainer_handle, &trainer);
  CALL(trainer, lm_trainer_step(trainer->raw, &metrics, &done));
  return done ? Py_NewRef(Py_None) : metrics_new(&metrics);
}

WITH_PATH(trainer, trainer_save)

METHOD(trainer_restore, "trainer, path, /", "-> remarks or None") {
  struct handle *trainer;
  PATH path = {0};
  PARSE("O&O&", trainer_handle, &trainer, path_argument, &path);
  TEXT(trainer, lm_trainer_restore(trainer->raw, path.text, &text));
}
