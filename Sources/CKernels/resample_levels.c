#define LMK_BODY "resample_levels.body.h"
#include "per_instruction_set.h"

// Four rows of the source, four of the output, and the levels between the two axes: [rows, output's width] where sums
// are taken along rows first, else four rows.
size_t lmk_resample_levels_scratch(const struct lmk_level_resampling *r) {
  size_t source = (size_t)(r->columns * r->channels + 4), width = (size_t)(r->across.outputs * r->channels);
  size_t between = r->is_vertical_first ? 4 : (size_t)r->rows;
  return 4 * source + 3 * width + (between * width + 3) / 4;
}

void lmk_resample_levels(const struct lmk_level_resampling *resampling, int32_t *scratch, float *output) {
  LMK_DISPATCH(resample_levels, resampling, scratch, output)
}
