#include "private.h"

METHOD(pool, "features, has_class_token, pooling, k, pooled, /", "pooled [B, C] is written.") {
  const char *pooling;
  int has_class_token;
  long long k;
  ARRAY features = READ("features", FLOAT32, 3), pooled = WRITTEN("pooled", FLOAT32, 2);
  PARSE("O&psLO&", array_argument, &features, &has_class_token, &pooling, &k, array_argument, &pooled);
  SHAPED(pooled, SIZE(features, 0), SIZE(features, 2));
  DO(NULL, lm_pool(DATA(features), SIZE(features, 0), SIZE(features, 1), SIZE(features, 2), has_class_token, pooling, k,
               DATA(pooled)));
}

/// An lm_progress over a Python callable (what, done, total). What it raises ends the evaluation and arrives.
static bool told(void *context, const char *what, int64_t done, int64_t total) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *answer = PyObject_CallFunction(context, "sLL", what, (long long)done, (long long)total);
  bool goes_on = answer != NULL;
  Py_XDECREF(answer);
  PyGILState_Release(state);
  return goes_on;
}
#define TOLD(progress) (progress) == Py_None ? NULL : told, progress

/// A data set's handle, or None.
static int optional_dataset(PyObject *capsule, void *handle) {
  return capsule == Py_None || dataset_handle(capsule, handle);
}

METHOD(evaluate, "encoder, train, test, entries, progress, /", "-> JSON; train, entries and progress may be None") {
  struct handle *encoder, *train = NULL, *test;
  const char *entries;
  PyObject *progress;
  PARSE("O&O&O&zO", encoder_handle, &encoder, optional_dataset, &train, dataset_handle, &test, &entries, &progress);
  TEXT(encoder, lm_evaluate(encoder->raw, train ? train->raw : NULL, test->raw, entries, TOLD(progress), &text));
}

METHOD(evaluate_features, "train, train_labels, test, test_labels, tap, entries, progress, /",
       "-> JSON; train and its labels, and progress, may be None") {
  const char *tap, *entries;
  PyObject *progress;
  ARRAY train = READ("train", FLOAT32, 2), train_labels = READ("train_labels", INT64, 1);
  ARRAY test = READ("test", FLOAT32, 2), test_labels = READ("test_labels", INT64, 1);
  PARSE("O&O&O&O&ssO", optional_array, &train, optional_array, &train_labels, array_argument, &test, array_argument,
        &test_labels, &tap, &entries, &progress);
  lm_labelled_features learned = {0}, scored = {DATA(test), DATA(test_labels), SIZE(test, 0), SIZE(test, 1)};
  SHAPED(test_labels, scored.count);
  if (train.is_held) {
    if (train_labels.is_held) SHAPED(train_labels, SIZE(train, 0));
    learned = (lm_labelled_features){DATA(train), DATA(train_labels), SIZE(train, 0), SIZE(train, 1)};
  }
  TEXT(NULL, lm_evaluate_features(train.is_held ? &learned : NULL, &scored, tap, entries, TOLD(progress), &text));
}

METHOD(evaluate_without_labels, "encoder, images, options, features, progress, /", "-> JSON; progress may be None") {
  struct handle *encoder, *images;
  const char *options, *features;
  PyObject *progress;
  PARSE("O&O&ssO", encoder_handle, &encoder, dataset_handle, &images, &options, &features, &progress);
  TEXT(encoder, lm_evaluate_without_labels(encoder->raw, images->raw, options, features, TOLD(progress), &text));
}

METHOD(evaluate_features_without_labels, "features, /", "[count, views, width] -> JSON") {
  ARRAY features = READ("features", FLOAT32, 3);
  PARSE("O&", array_argument, &features);
  TEXT(NULL, lm_evaluate_features_without_labels(DATA(features), SIZE(features, 0), SIZE(features, 1), SIZE(features, 2),
                 &text));
}

METHOD(collapsed_similarity, "", "-> float") { return PyFloat_FromDouble(lm_collapsed_similarity()); }

METHOD(nearest_rows, "queries, bank, rows, cosines, /",
       "rows, cosines [queries, k] are written; queries None: of the bank, each row among the others") {
  ARRAY queries = READ("queries", FLOAT32, 2), bank = READ("bank", FLOAT32, 2);
  ARRAY rows = WRITTEN("rows", INT64, 2), cosines = WRITTEN("cosines", FLOAT64, 2);
  PARSE("O&O&O&O&", optional_array, &queries, array_argument, &bank, array_argument, &rows, array_argument, &cosines);
  long long count = queries.is_held ? SIZE(queries, 0) : SIZE(bank, 0), k = SIZE(rows, 1);
  if (queries.is_held) SHAPED(queries, count, SIZE(bank, 1));
  SHAPED(rows, count, k);
  SHAPED(cosines, count, k);
  DO(NULL, lm_nearest_rows(queries.is_held ? DATA(queries) : NULL, count, DATA(bank), SIZE(bank, 0), SIZE(bank, 1), k,
               DATA(rows), DATA(cosines)));
}

METHOD(near_groups, "features, threshold, progress, groups, /", "groups [N] is written; progress may be None") {
  ARRAY features = READ("features", FLOAT32, 2), groups = WRITTEN("groups", INT64, 1);
  double threshold;
  PyObject *progress;
  PARSE("O&dOO&", array_argument, &features, &threshold, &progress, array_argument, &groups);
  SHAPED(groups, SIZE(features, 0));
  DO(NULL, lm_near_groups(DATA(features), SIZE(features, 0), SIZE(features, 1), threshold, TOLD(progress), DATA(groups)));
}

METHOD(fine_tune, "encoder, train, test, options, features, progress, /", "-> (encoder, JSON); progress may be None") {
  struct handle *encoder, *train, *test;
  const char *options, *features;
  PyObject *progress;
  char *report = NULL;
  lm_encoder *tuned = NULL;
  PARSE("O&O&O&ssO", encoder_handle, &encoder, dataset_handle, &train, dataset_handle, &test, &options, &features,
        &progress);
  CALL(encoder, lm_fine_tune(encoder->raw, train->raw, test->raw, options, features, TOLD(progress), &tuned, &report));
  return Py_BuildValue("(NN)", encoder_new(tuned, NULL, NULL), take_text(report));
}
