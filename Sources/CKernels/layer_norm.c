#define LMK_BODY "layer_norm.body.h"
#include "per_instruction_set.h"

void lmk_layer_norm(
    long rows, long width, const float *x, const float *weight, const float *bias, float epsilon, float *y, float *mean,
    float *inverse_deviation) {
  LMK_DISPATCH(layer_norm, rows, width, x, weight, bias, epsilon, y, mean, inverse_deviation)
}

void lmk_layer_norm_gradient(
    long rows, long width, const float *x, const float *weight, const float *mean, const float *inverse_deviation,
    const float *dy, float *dx, float *dweight, float *dbias) {
  LMK_DISPATCH(layer_norm_gradient, rows, width, x, weight, mean, inverse_deviation, dy, dx, dweight, dbias)
}
