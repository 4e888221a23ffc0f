#include "private.h"

METHOD(normalize_rows, "rows, /", "In place.") {
  ARRAY rows = WRITTEN("rows", FLOAT32, 2);
  PARSE("O&", array_argument, &rows);
  DO(NULL, lm_normalize_rows(DATA(rows), SIZE(rows, 0), SIZE(rows, 1)));
}

METHOD(agglomerate, "features, linkage, rows, columns, merges, /",
       "merges [N - 1, 4] are written; rows and columns are 0 where any two may merge") {
  const char *linkage;
  long long rows, columns;
  ARRAY features = READ("features", FLOAT32, 2), merges = WRITTEN("merges", FLOAT64, 2);
  PARSE("O&sLLO&", array_argument, &features, &linkage, &rows, &columns, array_argument, &merges);
  SHAPED(merges, SIZE(features, 0) - 1, 4);
  DO(NULL, lm_agglomerate(DATA(features), SIZE(features, 0), SIZE(features, 1), linkage, rows, columns, DATA(merges)));
}

METHOD(cut, "merges, segments, labels, /", "labels [N] are written.") {
  long long segments;
  ARRAY merges = READ("merges", FLOAT64, 2), labels = WRITTEN("labels", INT32, 1);
  PARSE("O&LO&", array_argument, &merges, &segments, array_argument, &labels);
  SHAPED(merges, SIZE(labels, 0) - 1, 4);
  DO(NULL, lm_cut(DATA(merges), SIZE(labels, 0), segments, DATA(labels)));
}

METHOD(cut_at, "merges, distance, labels, /", "labels [N] are written.") {
  double distance;
  ARRAY merges = READ("merges", FLOAT64, 2), labels = WRITTEN("labels", INT32, 1);
  PARSE("O&dO&", array_argument, &merges, &distance, array_argument, &labels);
  SHAPED(merges, SIZE(labels, 0) - 1, 4);
  DO(NULL, lm_cut_at(DATA(merges), SIZE(labels, 0), distance, DATA(labels)));
}

METHOD(upsample_labels, "labels, method, upsampled, /", "upsampled [height, width] is written.") {
  const char *method;
  ARRAY labels = READ("labels", INT32, 2), upsampled = WRITTEN("upsampled", INT32, 2);
  PARSE("O&sO&", array_argument, &labels, &method, array_argument, &upsampled);
  DO(NULL, lm_upsample_labels(DATA(labels), SIZE(labels, 0), SIZE(labels, 1), SIZE(upsampled, 0), SIZE(upsampled, 1),
                          method, DATA(upsampled)));
}

METHOD(mask_scores, "predicted, truth, objects, ignores_void, similarities, accuracies, /",
       "similarities and accuracies [frames, objects] are written; each may be None") {
  int ignores_void;
  ARRAY predicted = READ("predicted", INT32, 3), truth = READ("truth", INT32, 3);
  ARRAY objects = READ("objects", INT32, 1);
  ARRAY similarities = WRITTEN("similarities", FLOAT64, 2), accuracies = WRITTEN("accuracies", FLOAT64, 2);
  PARSE("O&O&O&pO&O&", array_argument, &predicted, array_argument, &truth, array_argument, &objects, &ignores_void,
        optional_array, &similarities, optional_array, &accuracies);
  int64_t frames = SIZE(predicted, 0), count = SIZE(objects, 0);
  SHAPED(truth, frames, SIZE(predicted, 1), SIZE(predicted, 2));
  if (similarities.is_held) SHAPED(similarities, frames, count);
  if (accuracies.is_held) SHAPED(accuracies, frames, count);
  DO(NULL, lm_mask_scores(DATA(predicted), DATA(truth), frames, SIZE(predicted, 1), SIZE(predicted, 2), DATA(objects),
                          count, ignores_void, DATA(similarities), DATA(accuracies)));
}

METHOD(scores_create, "kind, options, /", "-> scores") {
  const char *kind, *options;
  lm_scores *scores = NULL;
  PARSE("ss", &kind, &options);
  CALL(NULL, lm_scores_create(kind, options, &scores));
  return handle_new(scores_kind, scores, NULL, NULL);
}

METHOD(scores_add, "scores, name, predicted, truth, /", "") {
  struct handle *scores;
  const char *name;
  ARRAY predicted = READ("predicted", INT32, 3), truth = READ("truth", INT32, 3);
  PARSE("O&sO&O&", scores_handle, &scores, &name, array_argument, &predicted, array_argument, &truth);
  SHAPED(truth, SIZE(predicted, 0), SIZE(predicted, 1), SIZE(predicted, 2));
  DO(scores, lm_scores_add(scores->raw, name, DATA(predicted), DATA(truth), SIZE(predicted, 0), SIZE(predicted, 1),
                           SIZE(predicted, 2)));
}

TEXT_OF(scores, scores, scores_report, "-> JSON")

METHOD(cut_levels, "merges, segments, labels, /", "labels [depths, N] are written.") {
  ARRAY merges = READ("merges", FLOAT64, 2), segments = READ("segments", INT64, 1);
  ARRAY labels = WRITTEN("labels", INT32, 2);
  PARSE("O&O&O&", array_argument, &merges, array_argument, &segments, array_argument, &labels);
  SHAPED(labels, SIZE(segments, 0), -1);
  SHAPED(merges, SIZE(labels, 1) - 1, 4);
  DO(NULL, lm_cut_levels(DATA(merges), SIZE(labels, 1), DATA(segments), SIZE(segments, 0), DATA(labels)));
}

METHOD(working_grid, "height, width, patch_size, most, /", "-> (rows, columns)") {
  long long height, width, patch_size, most;
  PARSE("LLLL", &height, &width, &patch_size, &most);
  int64_t rows = 0, columns = 0;
  CALL(NULL, lm_working_grid(height, width, patch_size, most, &rows, &columns));
  return Py_BuildValue("LL", (long long)rows, (long long)columns);
}

METHOD(segment_means, "features, labels, means, /", "means [segments, channels] are written.") {
  ARRAY features = READ("features", FLOAT32, 2), labels = READ("labels", INT32, 1);
  ARRAY means = WRITTEN("means", FLOAT32, 2);
  PARSE("O&O&O&", array_argument, &features, array_argument, &labels, array_argument, &means);
  SHAPED(features, SIZE(labels, 0), SIZE(means, 1));
  DO(NULL, lm_segment_means(DATA(features), DATA(labels), SIZE(labels, 0), SIZE(means, 1), SIZE(means, 0), DATA(means)));
}

METHOD(upsample_features, "labels, features, means, upsampled, /", "upsampled [height, width] is written.") {
  ARRAY labels = READ("labels", INT32, 2), features = READ("features", FLOAT32, 3);
  ARRAY means = READ("means", FLOAT32, 2), upsampled = WRITTEN("upsampled", INT32, 2);
  PARSE("O&O&O&O&", array_argument, &labels, array_argument, &features, array_argument, &means, array_argument,
        &upsampled);
  SHAPED(features, SIZE(labels, 0), SIZE(labels, 1), SIZE(means, 1));
  DO(NULL, lm_upsample_features(DATA(labels), DATA(features), SIZE(labels, 0), SIZE(labels, 1), DATA(means),
                          SIZE(means, 0), SIZE(means, 1), SIZE(upsampled, 0), SIZE(upsampled, 1), DATA(upsampled)));
}

METHOD(refine_labels, "labels, image, radius, epsilon, refined, /", "refined [height, width] is written.") {
  long long radius;
  double epsilon;
  ARRAY labels = READ("labels", INT32, 2), image = READ("image", FLOAT32, 3), refined = WRITTEN("refined", INT32, 2);
  PARSE("O&O&LdO&", array_argument, &labels, array_argument, &image, &radius, &epsilon, array_argument, &refined);
  SHAPED(image, SIZE(labels, 0), SIZE(labels, 1), -1);
  SHAPED(refined, SIZE(labels, 0), SIZE(labels, 1));
  DO(NULL, lm_refine_labels(DATA(labels), DATA(image), SIZE(labels, 0), SIZE(labels, 1), SIZE(image, 2), radius, epsilon,
                          DATA(refined)));
}
