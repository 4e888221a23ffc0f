#define LMK_BODY "resample.body.h"
#include "per_instruction_set.h"

void lmk_resample(const struct lmk_resampling *resampling, float *row, float *output) {
  LMK_DISPATCH(resample, resampling, row, output)
}
