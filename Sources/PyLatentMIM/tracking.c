#include "private.h"

METHOD(tracking_options, "encoder, options, /", "-> JSON of all options; encoder may be None") {
  PyObject *capsule;
  struct handle *encoder = NULL;
  const char *options;
  PARSE("Os", &capsule, &options);
  if (capsule != Py_None && !encoder_handle(capsule, &encoder)) return NULL;
  TEXT(NULL, lm_tracking_options(encoder ? encoder->raw : NULL, options, &text));
}

METHOD(tracker_create, "encoder, options, /", "-> tracker") {
  struct handle *encoder;
  const char *options;
  lm_tracker *tracker = NULL;
  PARSE("O&s", encoder_handle, &encoder, &options);
  CALL(encoder, lm_tracker_create(encoder->raw, options, &tracker));
  return handle_new(tracker_kind, tracker, args, encoder);
}

METHOD(tracker_start, "tracker, frame, labels, /", "frame [1, H, W, channels], labels [H, W]") {
  struct handle *tracker;
  ARRAY frame = PIXELS("frame"), labels = READ("labels", UINT8, 2);
  PARSE("O&O&O&", tracker_handle, &tracker, array_argument, &frame, array_argument, &labels);
  lm_pixels pixels = pixels_of(&frame);
  SHAPED(labels, pixels.height, pixels.width);
  DO(tracker, lm_tracker_start(tracker->raw, &pixels, DATA(labels)));
}

METHOD(tracker_add, "tracker, frame, labels, tracked, /", "tracked [H, W] are written; labels may be None") {
  struct handle *tracker;
  ARRAY frame = PIXELS("frame"), labels = READ("labels", UINT8, 2), tracked = WRITTEN("tracked", UINT8, 2);
  PARSE("O&O&O&O&", tracker_handle, &tracker, array_argument, &frame, optional_array, &labels, array_argument,
        &tracked);
  lm_pixels pixels = pixels_of(&frame);
  if (labels.is_held) SHAPED(labels, pixels.height, pixels.width);
  SHAPED(tracked, pixels.height, pixels.width);
  DO(tracker, lm_tracker_add(tracker->raw, &pixels, DATA(labels), DATA(tracked)));
}

TEXT_OF(tracker, tracker, tracker_description, "-> JSON: options, frames, objects, size")
