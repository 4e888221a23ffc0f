#include "private.h"

int views_argument(PyObject *tuple, void *place) {
  struct views *views = place;
  if (tuple == Py_None) return 1;
  views->visible = (struct array)READ("views.visible", INT32, 2);
  views->target = (struct array)READ("views.target", INT32, 2);
  views->offsets = (struct array)READ("views.offsets", INT32, 3);
  return PyArg_ParseTuple(tuple, "O&O&O&L", array_argument, &views->visible, array_argument, &views->target,
                          array_argument, &views->offsets, &views->target_blocks);
}

void views_release(struct views *views) {
  array_release(&views->visible);
  array_release(&views->target);
  array_release(&views->offsets);
}

bool views_of(const struct views *views, int64_t batch, lm_views *described) {
  const int64_t shape[] = {batch, -1, 2};
  if (!has_shape(&views->visible, shape) || !has_shape(&views->target, shape) || !has_shape(&views->offsets, shape)) {
    return false;
  }
  *described = (lm_views){
      .batch = batch, .num_visible = SIZE(views->visible, 1), .num_target = SIZE(views->target, 1),
      .num_patches = SIZE(views->offsets, 1), .target_blocks = views->target_blocks,
      .visible = views->visible.view.buf, .target = views->target.view.buf, .offsets = views->offsets.view.buf};
  return true;
}

METHOD(views_sizes, "options, seed, epoch, images, /", "-> (visible, targets, patches of an image, target blocks)") {
  const char *options;
  uint64_t seed;
  long long epoch;
  ARRAY images = READ("images", INT64, 1);
  PARSE("sO&LO&", &options, seed_argument, &seed, &epoch, array_argument, &images);
  lm_views views = {.batch = SIZE(images, 0)};
  CALL(NULL, lm_views_sample(options, seed, epoch, DATA(images), &views));
  return Py_BuildValue("(LLLL)", (long long)views.num_visible, (long long)views.num_target,
                       (long long)views.num_patches, (long long)views.target_blocks);
}

METHOD(views_sample, "options, seed, epoch, images, visible, target, offsets, /", "The last three are written.") {
  const char *options;
  uint64_t seed;
  long long epoch;
  ARRAY images = READ("images", INT64, 1);
  VIEWS views = {WRITTEN("visible", INT32, 2), WRITTEN("target", INT32, 2), WRITTEN("offsets", INT32, 3), 1};
  PARSE("sO&LO&O&O&O&", &options, seed_argument, &seed, &epoch, array_argument, &images, array_argument,
        &views.visible, array_argument, &views.target, array_argument, &views.offsets);
  lm_views described;
  if (!views_of(&views, SIZE(images, 0), &described)) return NULL;
  DO(NULL, lm_views_sample(options, seed, epoch, DATA(images), &described));
}
