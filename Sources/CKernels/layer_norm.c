#define LMK_BODY "layer_norm.body.h"
#include "per_instruction_set.h"

void lmk_layer_norm(
    long rows, long width, const void *x, int x_type, const float *weight, const float *bias, float epsilon, void *y,
    int y_type, float *mean, float *rstd) {
  LMK_DISPATCH(layer_norm, rows, width, x, x_type, weight, bias, epsilon, y, y_type, mean, rstd)
}

void lmk_layer_norm_gradient(
    long rows, long width, const void *x, int x_type, const float *weight, const float *mean,
    const float *rstd, const void *dy, int dy_type, void *dx, int dx_type, float *dweight, float *dbias) {
  LMK_DISPATCH(
      layer_norm_gradient, rows, width, x, x_type, weight, mean, rstd, dy, dy_type, dx, dx_type, dweight,
      dbias)
}
