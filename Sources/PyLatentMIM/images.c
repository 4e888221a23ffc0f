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

METHOD(image_load, "path, /", "-> image") {
  PATH path = {0};
  lm_image *image = NULL;
  PARSE("O&", path_argument, &path);
  CALL(NULL, lm_image_load(path.text, &image));
  return handle_new(image_kind, image, NULL, NULL);
}

METHOD(image_size, "image, /", "-> (height, width, channels)") {
  ONLY(image);
  int64_t height, width, channels;
  lm_image_size(image->raw, &height, &width, &channels);
  return Py_BuildValue("(LLL)", (long long)height, (long long)width, (long long)channels);
}

METHOD(image_read, "image, values, /", "values [height, width, channels] are written.") {
  struct handle *image;
  ARRAY values = WRITTEN("values", FLOAT32, 3);
  PARSE("O&O&", image_handle, &image, array_argument, &values);
  int64_t height, width, channels;
  lm_image_size(image->raw, &height, &width, &channels);
  SHAPED(values, height, width, channels);
  lm_image_read(image->raw, DATA(values));
  Py_RETURN_NONE;
}
