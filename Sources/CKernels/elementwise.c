#define LMK_BODY "elementwise.body.h"
#include "per_instruction_set.h"

void lmk_add(long n, const void *a, const void *b, void *sum, int type) { LMK_DISPATCH(add, n, a, b, sum, type) }

void lmk_add_scaled(long n, float scale, const float *x, float *y) { LMK_DISPATCH(add_scaled, n, scale, x, y) }

void lmk_scale(long n, float scale, const float *x, float *y) { LMK_DISPATCH(scale, n, scale, x, y) }

void lmk_fill_rows(long rows, long width, const float *bias, const float *residual, float *y) {
  LMK_DISPATCH(fill_rows, rows, width, bias, residual, y)
}

void lmk_column_means(long rows, long width, const void *x, float *means, int type) {
  LMK_DISPATCH(column_means, rows, width, x, means, type)
}

void lmk_add_column_sums(long rows, long width, const void *x, float *sums, int type) {
  LMK_DISPATCH(add_column_sums, rows, width, x, sums, type)
}

double lmk_sum_of_squares(long n, const float *x) {
  double sum = 0;
  LMK_DISPATCH(sum_of_squares, n, x, &sum)
  return sum;
}
