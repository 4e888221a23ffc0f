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
