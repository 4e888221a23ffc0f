#include "private.h"

static PyObject *dataset_new(lm_dataset *dataset, PyObject *keeps) {
  return handle_new(dataset_kind, dataset, keeps, NULL);
}

METHOD(dataset_folder, "path, skip_unreadable, conversion, also_endings, /", "-> (data set, remarks or None)") {
  PATH path = {0};
  int skip_unreadable;
  const char *also_endings;
  lm_conversion wanted;
  lm_dataset *dataset = NULL;
  char *remarks = NULL;
  PARSE("O&p" CONVERSION "s", path_argument, &path, &skip_unreadable, CONVERTED(wanted), &also_endings);
  CALL(NULL, lm_dataset_folder(path.text, skip_unreadable, &wanted, also_endings, &dataset, &remarks));
  return Py_BuildValue("(NN)", dataset_new(dataset, NULL), take_text(remarks));
}

METHOD(dataset_files, "paths, labels, classes, skip_unreadable, conversion, /",
       "-> data set; paths and classes are bytes with a zero behind each, labels may be None") {
  const char *paths, *classes;
  Py_ssize_t bytes, class_bytes;
  ARRAY labels = READ("labels", INT64, 1);
  int skip_unreadable;
  lm_conversion wanted;
  lm_dataset *dataset = NULL;
  PARSE("y#O&y#p" CONVERSION, &paths, &bytes, optional_array, &labels, &classes, &class_bytes, &skip_unreadable,
        CONVERTED(wanted));
  CALL(NULL, lm_dataset_files(paths, bytes, DATA(labels), labels.is_held ? SIZE(labels, 0) : 0, classes, class_bytes,
                              skip_unreadable, &wanted, &dataset));
  return dataset_new(dataset, NULL);
}

METHOD(dataset_packed, "path, skip_unreadable, conversion, /", "-> data set") {
  PATH path = {0};
  int skip_unreadable;
  lm_conversion wanted;
  lm_dataset *dataset = NULL;
  PARSE("O&p" CONVERSION, path_argument, &path, &skip_unreadable, CONVERTED(wanted));
  CALL(NULL, lm_dataset_packed(path.text, skip_unreadable, &wanted, &dataset));
  return dataset_new(dataset, NULL);
}

METHOD(dataset_subset, "dataset, indices, /", "-> data set") {
  struct handle *dataset;
  ARRAY indices = READ("indices", INT64, 1);
  lm_dataset *subset = NULL;
  PARSE("O&O&", dataset_handle, &dataset, array_argument, &indices);
  CALL(dataset, lm_dataset_subset(dataset->raw, DATA(indices), SIZE(indices, 0), &subset));
  return dataset_new(subset, PyTuple_GetItem(args, 0));
}

METHOD(dataset_arrays, "images, labels, classes, /", "-> data set; labels may be None, classes as in dataset_files") {
  const char *classes;
  Py_ssize_t class_bytes;
  ARRAY images = PIXELS("images"), labels = READ("labels", INT64, 1);
  lm_dataset *dataset = NULL;
  PARSE("O&O&y#", array_argument, &images, optional_array, &labels, &classes, &class_bytes);
  lm_pixels pixels = pixels_of(&images);
  if (labels.is_held) SHAPED(labels, pixels.count);
  // A memory view holds the array's memory in place as long as the data set lives; labels are copied.
  PyObject *keeps = PyMemoryView_FromObject(PyTuple_GetItem(args, 0));
  if (!keeps) return NULL;
  lm_status status;
  WITHOUT_GIL(status = lm_dataset_arrays(&pixels, DATA(labels), classes, class_bytes, &dataset));
  PyObject *capsule = status == LM_OK ? dataset_new(dataset, keeps) : fail(status);
  Py_DECREF(keeps);
  return capsule;
}

METHOD(dataset_few_shot, "dataset, shots, seed, indices, /", "indices [shots times classes] are written.") {
  struct handle *dataset;
  long long shots;
  uint64_t seed;
  ARRAY indices = WRITTEN("indices", INT64, 1);
  PARSE("O&LO&O&", dataset_handle, &dataset, &shots, seed_argument, &seed, array_argument, &indices);
  DO(dataset, lm_dataset_few_shot(dataset->raw, shots, seed, DATA(indices), SIZE(indices, 0)));
}

NUMBER_OF(dataset, dataset_count)
NUMBER_OF(dataset, dataset_channels)

METHOD(dataset_labels, "dataset, labels, /", "-> whether there are any; they are written unless labels is None") {
  struct handle *dataset;
  ARRAY labels = WRITTEN("labels", INT64, 1);
  PARSE("O&O&", dataset_handle, &dataset, optional_array, &labels);
  if (labels.is_held) SHAPED(labels, lm_dataset_count(dataset->raw));
  return PyBool_FromLong(lm_dataset_labels(dataset->raw, DATA(labels)));
}

TEXT_OF(dataset, dataset, dataset_description, "-> JSON of classes and skipped")

TEXT_OF(dataset, dataset, dataset_fingerprint, "-> JSON of images, names and content")

METHOD(dataset_paths, "dataset, /", "-> list of str, empty for arrays") {
  ONLY(dataset);
  PyObject *paths = PyList_New(0);
  const char *path;
  for (int64_t i = 0; paths && (path = lm_dataset_path(dataset->raw, i)); ++i) {
    PyObject *text = PyUnicode_DecodeFSDefault(path);
    if (!text || PyList_Append(paths, text) < 0) Py_CLEAR(paths);
    Py_XDECREF(text);
  }
  return paths;
}

TEXT_OF(dataset, dataset, dataset_left_out, "-> JSON: [[path, reason], ...]")
NUMBER_OF(dataset, dataset_left_out_count)

METHOD(dataset_image, "dataset, index, /", "-> as image_load") {
  struct handle *dataset;
  long long index;
  lm_image *image = NULL;
  PARSE("O&L", dataset_handle, &dataset, &index);
  CALL(dataset, lm_dataset_image(dataset->raw, index, &image));
  return image_pixels(image);
}

METHOD(dataset_sums, "dataset, indices, sums, squares, /", "-> pixels; sums and squares [channels] are written.") {
  struct handle *dataset;
  int64_t pixels;
  ARRAY indices = READ("indices", INT64, 1), sums = WRITTEN("sums", FLOAT64, 1), squares = WRITTEN("squares", FLOAT64, 1);
  PARSE("O&O&O&O&", dataset_handle, &dataset, array_argument, &indices, array_argument, &sums, array_argument, &squares);
  SHAPED(sums, lm_dataset_channels(dataset->raw));
  SHAPED(squares, lm_dataset_channels(dataset->raw));
  CALL(dataset, lm_dataset_sums(dataset->raw, DATA(indices), SIZE(indices, 0), &pixels, DATA(sums), DATA(squares)));
  return PyLong_FromLongLong(pixels);
}

METHOD(dataset_crops, "dataset, indices, model_options, training_options, epoch, crops, /", "crops are written.") {
  struct handle *dataset;
  const char *model, *training;
  long long epoch;
  lm_sizes sizes;
  ARRAY indices = READ("indices", INT64, 1), crops = WRITTEN("crops", FLOAT32, 4);
  PARSE("O&O&ssLO&", dataset_handle, &dataset, array_argument, &indices, &model, &training, &epoch, array_argument,
        &crops);
  CALL(NULL, lm_model_sizes(model, &sizes));
  SHAPED(crops, SIZE(indices, 0), sizes.crop_height, sizes.crop_width, sizes.channels);
  DO(dataset, lm_dataset_crops(dataset->raw, DATA(indices), SIZE(indices, 0), model, training, epoch, DATA(crops)));
}

METHOD(dataset_resized, "dataset, indices, resize, images, /", "images [n, height, width, channels] are written.") {
  struct handle *dataset;
  long long resize;
  ARRAY indices = READ("indices", INT64, 1), images = WRITTEN("images", FLOAT32, 4);
  PARSE("O&O&LO&", dataset_handle, &dataset, array_argument, &indices, &resize, array_argument, &images);
  SHAPED(images, SIZE(indices, 0), -1, -1, lm_dataset_channels(dataset->raw));
  DO(dataset, lm_dataset_resized(dataset->raw, DATA(indices), SIZE(indices, 0), resize, SIZE(images, 1),
                                        SIZE(images, 2), DATA(images)));
}
