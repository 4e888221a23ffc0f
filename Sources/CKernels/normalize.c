#define LMK_BODY "normalize.body.h"
#include "per_instruction_set.h"

void lmk_normalize(long rows, long width, const float *x, float *y, float *norms) {
  LMK_DISPATCH(normalize, rows, width, x, y, norms)
}

void lmk_normalize_gradient(long rows, long width, const float *y, const float *norms, const float *dy, float *dx) {
  LMK_DISPATCH(normalize_gradient, rows, width, y, norms, dy, dx)
}

void lmk_standardize(
    long rows, long width, const float *x, float epsilon, float *y, float *inverse_deviation) {
  LMK_DISPATCH(standardize, rows, width, x, epsilon, y, inverse_deviation)
}

void lmk_standardize_gradient(
    long rows, long width, const float *y, const float *inverse_deviation, float epsilon, const float *dy, float *dx) {
  LMK_DISPATCH(standardize_gradient, rows, width, y, inverse_deviation, epsilon, dy, dx)
}
