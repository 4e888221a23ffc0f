#define LMK_BODY "optimizer.body.h"
#include "per_instruction_set.h"

void lmk_adamw(
    long n, float *parameter, const float *gradient, float *mean, float *square, const struct lmk_adamw_factors *factors,
    float *target, float keep) {
  LMK_DISPATCH(adamw, n, parameter, gradient, mean, square, factors, target, keep)
}

void lmk_average(long n, float keep, const float *online, float *target) {
  LMK_DISPATCH(average, n, keep, online, target)
}
