#include "private.h"

METHOD(pixels_check, "images, /", "raises where their axes are in another order.") {
  ARRAY images = PIXELS("images");
  PARSE("O&", array_argument, &images);
  lm_pixels pixels = pixels_of(&images);
  DO(NULL, lm_pixels_check(&pixels));
}

METHOD(image_formats, "", "-> JSON of endings by name") {
  TEXT(NULL, lm_image_formats(&text));
}

METHOD(resize, "images, resized, /", "resized [B, height, width, channels] is written.") {
  ARRAY images = PIXELS("images"), resized = WRITTEN("resized", FLOAT32, 4);
  PARSE("O&O&", array_argument, &images, array_argument, &resized);
  SHAPED(resized, SIZE(images, 0), -1, -1, SIZE(images, 3));
  lm_pixels pixels = pixels_of(&images);
  DO(NULL, lm_resize(&pixels, SIZE(resized, 1), SIZE(resized, 2), DATA(resized)));
}

PyObject *image_pixels(lm_image *image) {
  int64_t height, width, channels;
  lm_image_size(image, &height, &width, &channels);
  PyObject *values = PyByteArray_FromStringAndSize(NULL, height * width * channels * (Py_ssize_t)sizeof(float));
  if (values) WITHOUT_GIL(lm_image_read(image, (float *)PyByteArray_AsString(values)));
  lm_release(image);
  return Py_BuildValue("((LLL)N)", (long long)height, (long long)width, (long long)channels, values);
}

METHOD(image_load, "path, conversion, /", "-> ((height, width, channels), bytes of float32)") {
  PATH path = {0};
  lm_conversion wanted;
  lm_image *image = NULL;
  PARSE("O&" CONVERSION, path_argument, &path, CONVERTED(wanted));
  CALL(NULL, lm_image_load(path.text, &wanted, &image));
  return image_pixels(image);
}

METHOD(labels_load, "path, /", "-> ((height, width), bytes of int32)") {
  PATH path = {0};
  lm_label_map *map = NULL;
  int64_t height, width;
  PARSE("O&", path_argument, &path);
  CALL(NULL, lm_labels_load(path.text, &map));
  lm_labels_size(map, &height, &width);
  PyObject *labels = PyByteArray_FromStringAndSize(NULL, height * width * (Py_ssize_t)sizeof(int32_t));
  if (labels) WITHOUT_GIL(lm_labels_read(map, (int32_t *)PyByteArray_AsString(labels)));
  lm_release(map);
  return Py_BuildValue("((LL)N)", (long long)height, (long long)width, labels);
}

METHOD(labels_save, "path, labels, /", "") {
  PATH path = {0};
  ARRAY labels = READ("labels", INT32, 2);
  PARSE("O&O&", path_argument, &path, array_argument, &labels);
  DO(NULL, lm_labels_save(path.text, DATA(labels), SIZE(labels, 0), SIZE(labels, 1)));
}
