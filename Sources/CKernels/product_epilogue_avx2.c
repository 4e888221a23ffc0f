// The epilogue of a tile (product_epilogue.h) with AVX2, whose results are float32.
#include "product_epilogue.h"

#if defined(__x86_64__)
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_AVX2
#define LMK_FUSES _Pragma("clang fp contract(fast)")
#define LMK_NAME(operation) operation##_epilogue_avx2
#include "vector_math.h"
#include "gelu_math.h"

enum { most_rows = LMK_AVX2_TILE_ROWS, most_columns = LMK_AVX2_TILE_COLUMNS };

// c overlaps the residual exactly or not at all.
#define COLUMNS _Pragma("clang loop vectorize(assume_safety) vectorize_width(8)")

// Whether there is a residual, and something in c to add to, are constants where this is inlined.
static inline __attribute__((always_inline)) void store_row(
    const struct lmk_epilogue *e, bool has_residual, bool adds, const float *sums, const float *bias,
    const float *residual, long columns, float *c) {
  const float alpha = e->alpha, beta = e->beta;
  COLUMNS for (long j = 0; j < columns; j++) {
    LMK_FUSES
    float value = alpha * sums[j] + bias[j];
    if (has_residual) value = value + residual[j];
    if (adds) value = beta * c[j] + value;
    c[j] = value;
  }
}

static inline __attribute__((always_inline)) void store_rows(
    const struct lmk_epilogue *e, const struct lmk_sums *t, const float *bias, long columns) {
  for (long r = 0; r < t->rows; r++) {
    const float *sums = t->sums + r * most_columns;
    const long row = t->row + r;
    const float *residual = e->residual ? e->residual + row * e->residual_stride + t->column : NULL;
    float *c = (float *)e->c + row * e->stride + t->column;
    if (residual && e->beta != 0)
      store_row(e, true, true, sums, bias, residual, columns, c);
    else if (residual)
      store_row(e, true, false, sums, bias, residual, columns, c);
    else if (e->beta != 0)
      store_row(e, false, true, sums, bias, residual, columns, c);
    else
      store_row(e, false, false, sums, bias, residual, columns, c);
  }
}

// Some rows of a tile in one piece: the more vectors there are, the better the long chains of operations of an
// activation overlap.
struct piece {
  _Alignas(32) float in[most_rows * most_columns], out[most_rows * most_columns];
};

#define WHOLE _Pragma("clang loop vectorize_width(8) interleave_count(4)")

static void gelu(struct piece *x, long count) {
  WHOLE for (long i = 0; i < count; i++) x->out[i] = LMK_NAME(gelu_value)(x->in[i], LMK_FLOAT32);
}

// Leaves the value in `in`, the slope in `out`.
static void gelu_with_slope(struct piece *x, long count) {
  WHOLE for (long i = 0; i < count; i++) {
    const struct LMK_NAME(gelu_both) both = LMK_NAME(gelu_value_and_slope)(x->in[i], LMK_FLOAT32);
    x->in[i] = both.value;
    x->out[i] = both.slope;
  }
}

static void copy_rows(const float *from, long from_row, long rows, long columns, float *to, long to_row) {
  for (long r = 0; r < rows; r++) memcpy(to + r * to_row, from + r * from_row, sizeof *to * (size_t)columns);
}

static inline __attribute__((always_inline)) void store_activated(
    const struct lmk_epilogue *e, const float *sums, const float *bias, long rows, long columns, long place) {
  struct piece x;
  for (long r = 0; r < rows; r++)
    for (long j = 0; j < most_columns; j++) x.in[r * most_columns + j] = sums[r * most_columns + j] + bias[j];
  if (e->before) copy_rows(x.in, most_columns, rows, columns, (float *)e->before + place, e->stride);
  gelu(&x, rows * most_columns);
  copy_rows(x.out, most_columns, rows, columns, (float *)e->c + place, e->stride);
}

static inline __attribute__((always_inline)) void store_derived(
    const struct lmk_epilogue *e, const float *sums, long rows, long columns, long place) {
  struct piece x = {{0}, {0}};
  copy_rows((const float *)e->before + place, e->stride, rows, columns, x.in, most_columns);
  gelu_with_slope(&x, rows * most_columns);
  copy_rows(x.in, most_columns, rows, columns, (float *)e->before + place, e->stride);
  for (long i = 0; i < rows * most_columns; i++) x.out[i] *= sums[i];
  copy_rows(x.out, most_columns, rows, columns, (float *)e->c + place, e->stride);
}

static inline __attribute__((always_inline)) void store_sums(
    const struct lmk_epilogue *e, const struct lmk_sums *t, long columns) {
  _Alignas(32) float bias[most_columns] = {0};
  if (e->bias) memcpy(bias, e->bias + t->column, sizeof *bias * (size_t)columns);
  if (e->kind == LMK_STORE) return store_rows(e, t, bias, columns);
  for (long first = 0; first < t->rows; first += most_rows) {
    const long rows = least(t->rows - first, most_rows), place = (t->row + first) * e->stride + t->column;
    const float *sums = t->sums + first * most_columns;
    if (e->kind == LMK_STORE_GELU)
      store_activated(e, sums, bias, rows, columns, place);
    else
      store_derived(e, sums, rows, columns, place);
  }
}

void lmk_store_sums_avx2(const struct lmk_epilogue *e, const struct lmk_sums *t) {
  if (t->columns >= most_columns)
    store_sums(e, t, most_columns);
  else
    store_sums(e, t, t->columns);
}

LMK_END_SET
#endif
