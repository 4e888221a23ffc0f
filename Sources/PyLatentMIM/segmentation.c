#include "private.h"

METHOD(normalize_rows, "rows, /", "In place.") {
  ARRAY rows = WRITTEN("rows", FLOAT32, 2);
  PARSE("O&", array_argument, &rows);
  DO(NULL, lm_normalize_rows(DATA(rows), SIZE(rows, 0), SIZE(rows, 1)));
}

METHOD(tree_build, "features, linkage, rows, columns, /", "-> tree; rows and columns are 0 where any two may merge") {
  const char *linkage;
  long long rows, columns;
  lm_tree *tree = NULL;
  ARRAY features = READ("features", FLOAT32, 2);
  PARSE("O&sLL", array_argument, &features, &linkage, &rows, &columns);
  CALL(NULL, lm_tree_build(DATA(features), SIZE(features, 0), SIZE(features, 1), linkage, rows, columns, &tree));
  return handle_new(tree_kind, tree, NULL, NULL);
}

METHOD(tree_merges, "tree, merges, /", "merges [N - 1, 4] are written.") {
  struct handle *tree;
  ARRAY merges = WRITTEN("merges", FLOAT64, 2);
  PARSE("O&O&", tree_handle, &tree, array_argument, &merges);
  SHAPED(merges, lm_tree_count(tree->raw) - 1, 4);
  lm_tree_merges(tree->raw, DATA(merges));
  Py_RETURN_NONE;
}

METHOD(tree_cut, "tree, segments, labels, /", "labels [N] are written.") {
  struct handle *tree;
  long long segments;
  ARRAY labels = WRITTEN("labels", INT32, 1);
  PARSE("O&LO&", tree_handle, &tree, &segments, array_argument, &labels);
  SHAPED(labels, lm_tree_count(tree->raw));
  DO(NULL, lm_tree_cut(tree->raw, segments, DATA(labels)));
}

METHOD(tree_cut_at, "tree, distance, labels, /", "labels [N] are written.") {
  struct handle *tree;
  double distance;
  ARRAY labels = WRITTEN("labels", INT32, 1);
  PARSE("O&dO&", tree_handle, &tree, &distance, array_argument, &labels);
  SHAPED(labels, lm_tree_count(tree->raw));
  DO(NULL, lm_tree_cut_at(tree->raw, distance, DATA(labels)));
}

METHOD(upsample_labels, "labels, method, upsampled, /", "upsampled [height, width] is written.") {
  const char *method;
  ARRAY labels = READ("labels", INT32, 2), upsampled = WRITTEN("upsampled", INT32, 2);
  PARSE("O&sO&", array_argument, &labels, &method, array_argument, &upsampled);
  DO(NULL, lm_upsample_labels(DATA(labels), SIZE(labels, 0), SIZE(labels, 1), SIZE(upsampled, 0), SIZE(upsampled, 1),
                          method, DATA(upsampled)));
}
