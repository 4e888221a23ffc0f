#include "gelu_math.h"

LMK_INLINED void LMK_NAME(gelu_typed)(long n, const void *x, void *y, int type) {
  LMK_IN_PLACE
  for (long i = 0; i < n; i++) LMK_NAME(put)(y, i, type, LMK_NAME(gelu_value)(LMK_NAME(get)(x, i, type), type));
}

static void LMK_NAME(gelu)(long n, const void *x, void *y, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(gelu_typed), n, x, y)
}

LMK_INLINED void LMK_NAME(gelu_gradient_typed)(
    long n, const void *x, const void *dy, void *dx, int type) {
  LMK_IN_PLACE
  for (long i = 0; i < n; i++) {
    const float slope = LMK_NAME(gelu_value_and_slope)(LMK_NAME(get)(x, i, type), type).slope;
    LMK_NAME(put)(dx, i, type, LMK_NAME(get)(dy, i, type) * slope);
  }
}

static void LMK_NAME(gelu_gradient)(long n, const void *x, const void *dy, void *dx, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(gelu_gradient_typed), n, x, dy, dx)
}
