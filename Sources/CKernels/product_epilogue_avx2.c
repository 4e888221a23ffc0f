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

// One row of a tile: 16 floats in two vectors.
struct row {
  __m256 left, right;
};
// Which columns of a row exist in c, for masked loads and stores.
struct columns {
  __m256i left, right;
};

static struct columns first_columns(long count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), wanted = _mm256_set1_epi32((int)count);
  return (struct columns){
      _mm256_cmpgt_epi32(wanted, lanes), _mm256_cmpgt_epi32(wanted, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)))};
}

// `is_whole` is a constant where these are inlined: masked stores are slow.
static inline __attribute__((always_inline)) struct row load(bool is_whole, struct columns there, const float *from) {
  if (is_whole) return (struct row){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
  return (struct row){_mm256_maskload_ps(from, there.left), _mm256_maskload_ps(from + 8, there.right)};
}

static inline __attribute__((always_inline)) void store(
    bool is_whole, struct columns there, float *to, struct row values) {
  if (is_whole) {
    _mm256_storeu_ps(to, values.left);
    _mm256_storeu_ps(to + 8, values.right);
  } else {
    _mm256_maskstore_ps(to, there.left, values.left);
    _mm256_maskstore_ps(to + 8, there.right, values.right);
  }
}

static inline struct row plus(struct row a, struct row b) {
  return (struct row){_mm256_add_ps(a.left, b.left), _mm256_add_ps(a.right, b.right)};
}

// factor · a + b
static inline struct row scaled_plus(float factor, struct row a, struct row b) {
  const __m256 f = _mm256_set1_ps(factor);
  return (struct row){_mm256_fmadd_ps(f, a.left, b.left), _mm256_fmadd_ps(f, a.right, b.right)};
}

static inline __attribute__((always_inline)) void store_rows(
    const struct lmk_epilogue *e, const struct lmk_sums *t, const float *biases, bool is_whole) {
  const struct columns there = first_columns(t->columns);
  const struct row bias = load(true, there, biases);
  const float *sums = t->sums, *residual = e->residual;
  float *c = (float *)e->c + t->row * e->stride + t->column;
  if (residual) residual += t->row * e->residual_stride + t->column;
  for (long left = t->rows; left > 0; left--, sums += most_columns, c += e->stride) {
    struct row value = scaled_plus(e->alpha, load(true, there, sums), bias);
    if (residual) {
      value = plus(value, load(is_whole, there, residual));
      residual += e->residual_stride;
    }
    if (e->beta != 0) value = scaled_plus(e->beta, load(is_whole, there, c), value);
    store(is_whole, there, c, value);
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
  if (e->kind == LMK_STORE) return store_rows(e, t, bias, columns == most_columns);
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
