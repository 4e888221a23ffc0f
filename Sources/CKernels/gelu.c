#define LMK_BODY "gelu.body.h"
#include "per_instruction_set.h"

void lmk_gelu(long n, const void *x, void *y, int type) { LMK_DISPATCH(gelu, n, x, y, type) }

void lmk_gelu_gradient(long n, const void *x, const void *dy, void *dx, int type) {
  LMK_DISPATCH(gelu_gradient, n, x, dy, dx, type)
}
