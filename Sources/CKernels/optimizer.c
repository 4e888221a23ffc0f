#define LMK_BODY "optimizer.body.h"
#include "per_instruction_set.h"

void lmk_adamw(
    long n, float *parameter, const float *gradient, float *mean, float *square,
    const struct lmk_adamw_factors *factors, float *target, float momentum) {
  LMK_DISPATCH(adamw, n, parameter, gradient, mean, square, factors, target, momentum)
}

void lmk_average(long n, float momentum, const float *online, float *target) {
  LMK_DISPATCH(average, n, momentum, online, target)
}
