#define LMK_BODY "normalize.body.h"
#include "per_instruction_set.h"

void lmk_normalize(long rows, long width, const float *x, float *y, float *norms) {
  LMK_DISPATCH(normalize, rows, width, x, y, norms)
}

void lmk_normalize_gradient(long rows, long width, const float *y, const float *norms, const float *dy, float *dx) {
  LMK_DISPATCH(normalize_gradient, rows, width, y, norms, dy, dx)
}

void lmk_standardize(
    long rows, long width, const float *x, float epsilon, float *y, float *rstd) {
  LMK_DISPATCH(standardize, rows, width, x, epsilon, y, rstd)
}

void lmk_standardize_gradient(
    long rows, long width, const float *y, const float *rstd, float epsilon, const float *dy, float *dx) {
  LMK_DISPATCH(standardize_gradient, rows, width, y, rstd, epsilon, dy, dx)
}
