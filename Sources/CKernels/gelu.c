#define LMK_BODY "gelu.body.h"
#include "per_instruction_set.h"

void lmk_gelu(long n, const float *x, float *y) { LMK_DISPATCH(gelu, n, x, y) }

void lmk_gelu_gradient(long n, const float *x, const float *dy, float *dx) { LMK_DISPATCH(gelu_gradient, n, x, dy, dx) }
