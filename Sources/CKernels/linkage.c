#define LMK_BODY "linkage.body.h"
#include "per_instruction_set.h"

void lmk_squared_distances(
    long width, const double *a, const double *b, double *squares, long stride) {
  LMK_DISPATCH(squared_distances, width, a, b, squares, stride)
}

void lmk_nearest(long n, const double *row, const double *penalties, double *least, long *nearest) {
  LMK_DISPATCH(nearest, n, row, penalties, least, nearest)
}

void lmk_merge_distances(
    long n, int linkage, const double *first, double first_size, double second_size, double between,
    const double *sizes, double *second) {
  LMK_DISPATCH(merge_distances, n, linkage, first, first_size, second_size, between, sizes, second)
}

void lmk_scatter(long n, const double *values, const double *sizes, long stride, double *column) {
  for (long i = 0; i < n; i++)
    if (sizes[i] > 0) column[i * stride] = values[i];
}
