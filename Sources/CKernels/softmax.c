#define LMK_BODY "softmax.body.h"
#include "per_instruction_set.h"

void lmk_softmax(long rows, long columns, long stride, float scale, float *x, float *log_sum_exp) {
  LMK_DISPATCH(softmax, rows, columns, stride, scale, x, log_sum_exp)
}

void lmk_softmax_from_log_sum_exp(
    long rows, long columns, long stride, float scale, float *x, const float *log_sum_exp) {
  LMK_DISPATCH(softmax_from_log_sum_exp, rows, columns, stride, scale, x, log_sum_exp)
}

void lmk_softmax_gradient(long rows, long columns, long stride, float scale, const float *y, float *dy) {
  LMK_DISPATCH(softmax_gradient, rows, columns, stride, scale, y, dy)
}
