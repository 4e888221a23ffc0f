#define LMK_BODY "gates.body.h"
#include "per_instruction_set.h"

void lmk_sigmoid_unit(long n, float a, float b, const void *x, void *y, int type) {
  LMK_DISPATCH(sigmoid_unit, n, a, b, x, y, type)
}

void lmk_sigmoid_unit_gradient(long n, float a, float b, const void *x, const void *dy, void *dx, int type) {
  LMK_DISPATCH(sigmoid_unit_gradient, n, a, b, x, dy, dx, type)
}

void lmk_gated(long rows, long width, const void *x, void *y, int type) {
  LMK_DISPATCH(gated, rows, width, x, y, type)
}

void lmk_gated_gradient(long rows, long width, const void *x, const void *dy, void *dx, int type) {
  LMK_DISPATCH(gated_gradient, rows, width, x, dy, dx, type)
}

void lmk_rotate(long vectors, long half, const float *cosines, const float *sines, const void *x, void *y, int type) {
  LMK_DISPATCH(rotate, vectors, half, cosines, sines, x, y, type)
}
