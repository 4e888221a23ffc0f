#define LMK_BODY "softmax.body.h"
#include "per_instruction_set.h"

void lmk_softmax(long rows, long columns, long stride, float scale, float *x, float *log_sum) {
  LMK_DISPATCH(softmax, rows, columns, stride, scale, x, log_sum)
}

void lmk_softmax_again(long rows, long columns, long stride, float scale, float *x, const float *log_sum) {
  LMK_DISPATCH(softmax_again, rows, columns, stride, scale, x, log_sum)
}

void lmk_softmax_gradient(long rows, long columns, long stride, float scale, const float *y, float *dy) {
  LMK_DISPATCH(softmax_gradient, rows, columns, stride, scale, y, dy)
}
