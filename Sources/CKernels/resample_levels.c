#define LMK_BODY "resample_levels.body.h"
#include "per_instruction_set.h"

// Pixels of four rows side by side, a row of sums, scales and shifts of an output row, and bytes: four rows of the
// source's width where sums are taken along columns first, and the levels between the two axes.
size_t lmk_resample_levels_scratch(const struct lmk_level_resampling *r) {
  size_t n = (size_t)(r->columns * r->channels), width = (size_t)(r->across.outputs * r->channels);
  size_t bytes = r->is_vertical_first ? 4 * n + 4 * width : (size_t)r->rows * width;
  return 64 * (size_t)r->columns + 4 * (n > width ? n : width) + 8 * width + bytes;
}

void lmk_resample_levels(const struct lmk_level_resampling *resampling, void *scratch, float *output) {
  LMK_DISPATCH(resample_levels, resampling, scratch, output)
}
