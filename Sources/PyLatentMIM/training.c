#include "private.h"

static PyObject *adamw_create(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *capsule;
  struct handle *model;
  double beta1, beta2, epsilon, weight_decay;
  if (!PyArg_ParseTuple(args, "Odddd", &capsule, &beta1, &beta2, &epsilon, &weight_decay)) return NULL;
  if (!model_handle(capsule, &model)) return NULL;
  lm_adamw *optimizer = NULL;
  lm_status status;
  WITH(model, status = lm_adamw_create(model->raw, beta1, beta2, epsilon, weight_decay, &optimizer));
  if (status != LM_OK) return fail(status);
  return handle_new(adamw_kind, optimizer, RELEASE(lm_adamw_free), capsule, model, NULL);
}

static PyObject *adamw_step(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *optimizer;
  double learning_rate;
  if (!PyArg_ParseTuple(args, "O&d", adamw_handle, &optimizer, &learning_rate)) return NULL;
  lm_status status;
  WITH(optimizer, status = lm_adamw_step(optimizer->raw, learning_rate));
  return none_or_fail(status);
}

static PyObject *trainer_create(PyObject *self, PyObject *args) {
  (void)self;
  PyObject *model_capsule, *dataset_capsule;
  struct handle *model, *dataset;
  const char *options;
  if (!PyArg_ParseTuple(args, "OOs", &model_capsule, &dataset_capsule, &options)) return NULL;
  if (!model_handle(model_capsule, &model) || !dataset_handle(dataset_capsule, &dataset)) return NULL;
  SCOPED *keeps = PyTuple_Pack(2, model_capsule, dataset_capsule);
  if (!keeps) return NULL;
  lm_trainer *trainer = NULL;
  lm_status status;
  WITH(model, status = lm_trainer_create(model->raw, dataset->raw, options, &trainer));
  if (status != LM_OK) return fail(status);
  return handle_new(trainer_kind, trainer, RELEASE(lm_trainer_free), keeps, model, NULL);
}

static PyObject *trainer_progress(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *trainer;
  if (!PyArg_ParseTuple(args, "O&", trainer_handle, &trainer)) return NULL;
  lm_trainer_state s = {0};
  WITH(trainer, lm_trainer_progress(trainer->raw, &s));
  return Py_BuildValue("(LLLdO)", (long long)s.step, (long long)s.total_steps, (long long)s.steps_per_epoch,
                       s.peak_learning_rate, s.looks_collapsed ? Py_True : Py_False);
}

static PyObject *trainer_configuration(PyObject *self, PyObject *args) {
  (void)self;
  return configuration_call(args, trainer_handle, CONFIGURATION_FUNCTION(lm_trainer_configuration));
}

static PyObject *trainer_data(PyObject *self, PyObject *args) {
  (void)self;
  return configuration_call(args, trainer_handle, CONFIGURATION_FUNCTION(lm_trainer_data));
}

static PyObject *trainer_precision(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *trainer;
  if (!PyArg_ParseTuple(args, "O&", trainer_handle, &trainer)) return NULL;
  const char *precision = NULL;
  lm_status status;
  WITH(trainer, status = lm_trainer_precision(trainer->raw, &precision));
  return status == LM_OK ? PyUnicode_FromString(precision) : fail(status);
}

static PyObject *trainer_memory_estimate(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *trainer;
  if (!PyArg_ParseTuple(args, "O&", trainer_handle, &trainer)) return NULL;
  lm_memory_estimate e = {0};
  lm_status status;
  WITH(trainer, status = lm_trainer_memory_estimate(trainer->raw, &e));
  if (status != LM_OK) return fail(status);
  return Py_BuildValue("(LLLLL)", (long long)e.weights, (long long)e.moments, (long long)e.step, (long long)e.loader,
                       (long long)e.total);
}

static PyObject *trainer_step(PyObject *self, PyObject *args) {
  (void)self;
  struct handle *trainer;
  if (!PyArg_ParseTuple(args, "O&", trainer_handle, &trainer)) return NULL;
  lm_step_metrics m = {0};
  bool done = false;
  lm_status status;
  WITH(trainer, status = lm_trainer_step(trainer->raw, &m, &done));
  if (status != LM_OK) return fail(status);
  if (done) Py_RETURN_NONE;
  const lm_batch_metrics *b = &m.batch;
  return Py_BuildValue("((dddddd)LLddddd)", b->loss, b->similarity_predictions, b->similarity_visible,
                       b->similarity_targets, b->similarity_images, b->effective_rank, (long long)m.step,
                       (long long)m.epoch, m.learning_rate, m.target_momentum, m.gamma, m.gradient_norm,
                       m.images_per_second);
}

static PyObject *trainer_save(PyObject *self, PyObject *args) {
  (void)self;
  return path_call(args, trainer_handle, PATH_FUNCTION(lm_trainer_save));
}

static PyObject *trainer_restore(PyObject *self, PyObject *args) {
  (void)self;
  return path_call(args, trainer_handle, PATH_FUNCTION(lm_trainer_restore));
}

PyMethodDef training_methods[] = {
    {"adamw_create", adamw_create, METH_VARARGS, "adamw_create(model, beta1, beta2, epsilon, weight_decay) -> adamw"},
    {"adamw_step", adamw_step, METH_VARARGS, "adamw_step(adamw, learning_rate)"},
    {"trainer_create", trainer_create, METH_VARARGS, "trainer_create(model, dataset, json) -> trainer"},
    {"trainer_progress", trainer_progress, METH_VARARGS,
     "trainer_progress(trainer) -> (step, total steps, steps per epoch, peak learning rate, looks collapsed)"},
    {"trainer_configuration", trainer_configuration, METH_VARARGS, "trainer_configuration(trainer) -> json"},
    {"trainer_data", trainer_data, METH_VARARGS, "trainer_data(trainer) -> json: what a checkpoint remembers the images by"},
    {"trainer_precision", trainer_precision, METH_VARARGS, "trainer_precision(trainer) -> 'float32' or 'bf16'"},
    {"trainer_memory_estimate", trainer_memory_estimate, METH_VARARGS,
     "trainer_memory_estimate(trainer) -> bytes of (weights, moments, step, loader, total)"},
    {"trainer_step", trainer_step, METH_VARARGS,
     "trainer_step(trainer) -> None at the end, or (what model_loss gives, step, epoch, learning rate, target momentum, gamma, "
     "gradient norm, images per second)"},
    {"trainer_save", trainer_save, METH_VARARGS, "trainer_save(trainer, path)"},
    {"trainer_restore", trainer_restore, METH_VARARGS, "trainer_restore(trainer, path)"},
    {NULL, NULL, 0, NULL},
};
