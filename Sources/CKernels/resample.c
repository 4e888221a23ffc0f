#define LMK_BODY "resample.body.h"
#include "per_instruction_set.h"

void lmk_resample(const struct lmk_resampling *resampling, float *rows, float *output) {
  LMK_DISPATCH(resample, resampling, rows, output)
}
