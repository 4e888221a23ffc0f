// The epilogue of a tile (product_epilogue.h): its prefetches, and the way with AVX-512.
#include "product_epilogue.h"

#if defined(__x86_64__)
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "CKernels.h"
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_AVX512BF16
#define LMK_FUSES _Pragma("clang fp contract(fast)")
#define LMK_NAME(operation) operation##_avx512
#include "vector_math.h"
#include "gelu_math.h"

// One row of a tile: 32 floats in two vectors.
struct row {
  __m512 left, right;
};
// Masks of the columns of a row that exist in c.
struct columns {
  __mmask16 left, right;
};

static inline struct row load_floats(const float *from, struct columns there) {
  return (struct row){_mm512_maskz_loadu_ps(there.left, from), _mm512_maskz_loadu_ps(there.right, from + 16)};
}

static inline struct row widened(__m512i both) {
  const __m512i left = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
  const __m512i right = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1));
  return (struct row){
      _mm512_castsi512_ps(_mm512_slli_epi32(left, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(right, 16))};
}

static inline __m512i narrowed(struct row values) {
  return (__m512i)_mm512_cvtne2ps_pbh(values.right, values.left);
}

static inline __mmask32 both(struct columns there) { return _mm512_kunpackw(there.right, there.left); }

static inline struct row load(int type, const void *from, long index, struct columns there) {
  if (type == LMK_FLOAT32) return load_floats((const float *)from + index, there);
  return widened(_mm512_maskz_loadu_epi16(both(there), (const uint16_t *)from + index));
}

static inline void store(int type, void *to, long index, struct columns there, struct row values) {
  if (type == LMK_FLOAT32) {
    _mm512_mask_storeu_ps((float *)to + index, there.left, values.left);
    _mm512_mask_storeu_ps((float *)to + index + 16, there.right, values.right);
  } else {
    _mm512_mask_storeu_epi16((uint16_t *)to + index, both(there), narrowed(values));
  }
}

// Rounds values to the type they are stored in: the backward pass reads the stored ones, so the forward pass must use
// the same.
static inline struct row as_stored(int type, struct row values) {
  return type == LMK_FLOAT32 ? values : widened(narrowed(values));
}

static inline struct row plus(struct row a, struct row b) {
  return (struct row){_mm512_add_ps(a.left, b.left), _mm512_add_ps(a.right, b.right)};
}

// factor · a + b
static inline struct row scaled_plus(float factor, struct row a, struct row b) {
  const __m512 f = _mm512_set1_ps(factor);
  return (struct row){_mm512_fmadd_ps(f, a.left, b.left), _mm512_fmadd_ps(f, a.right, b.right)};
}

// From here on functions are inlined in the loop over rows, which so holds their constants in registers.

static inline __attribute__((always_inline)) struct row plain(
    const struct lmk_epilogue *e, int type, struct row sum, struct row bias, long row, long column,
    struct columns there) {
  struct row value = scaled_plus(e->alpha, sum, bias);
  if (e->residual) value = plus(value, load_floats(e->residual + row * e->residual_stride + column, there));
  if (e->beta != 0) value = scaled_plus(e->beta, load(type, e->c, row * e->stride + column, there), value);
  return value;
}

// GELU. For bfloat16 an approximate reciprocal (relative error below 2^-14) replaces the division: a fifth of its cost.
static inline __attribute__((always_inline)) struct row gelu_of(int type, struct row values) {
  _Alignas(64) float x[32], y[32];
  _mm512_store_ps(x, values.left);
  _mm512_store_ps(x + 16, values.right);
  for (int i = 0; i < 32; i++) {
    LMK_FUSES
    if (type == LMK_FLOAT32) {
      y[i] = LMK_NAME(gelu_value)(x[i], type);
    } else {
      x[i] = LMK_NAME(rough_argument)(x[i]);
      y[i] = LMK_NAME(rough_inverse_below)(x[i]);
    }
  }
  const struct row result = {_mm512_load_ps(y), _mm512_load_ps(y + 16)};
  if (type == LMK_FLOAT32) return result;
  return (struct row){
      _mm512_mul_ps(_mm512_load_ps(x), _mm512_rcp14_ps(result.left)),
      _mm512_mul_ps(_mm512_load_ps(x + 16), _mm512_rcp14_ps(result.right))};
}

static inline __attribute__((always_inline)) struct row gelu_and_slope_of(
    int type, struct row values, struct row *slope) {
  _Alignas(64) float x[32], y[32], z[32];
  _mm512_store_ps(x, values.left);
  _mm512_store_ps(x + 16, values.right);
  for (int i = 0; i < 32; i++) {
    LMK_FUSES
    if (type == LMK_FLOAT32) {
      const struct LMK_NAME(gelu_both) both = LMK_NAME(gelu_value_and_slope)(x[i], type);
      y[i] = both.value;
      z[i] = both.slope;
    } else {
      x[i] = LMK_NAME(rough_argument)(x[i]);
      y[i] = LMK_NAME(rough_inverse_below)(x[i]);
      z[i] = LMK_NAME(rough_density)(x[i]);
    }
  }
  const struct row value = {_mm512_load_ps(y), _mm512_load_ps(y + 16)};
  *slope = (struct row){_mm512_load_ps(z), _mm512_load_ps(z + 16)};
  if (type == LMK_FLOAT32) return value;
  const struct row from = {_mm512_load_ps(x), _mm512_load_ps(x + 16)};
  const struct row below = {_mm512_rcp14_ps(value.left), _mm512_rcp14_ps(value.right)};
  *slope = (struct row){
      _mm512_fmadd_ps(from.left, slope->left, below.left), _mm512_fmadd_ps(from.right, slope->right, below.right)};
  return (struct row){_mm512_mul_ps(from.left, below.left), _mm512_mul_ps(from.right, below.right)};
}

static inline __attribute__((always_inline)) struct row activated(
    const struct lmk_epilogue *e, int type, struct row sum, struct row bias, long index, struct columns there) {
  const struct row value = as_stored(type, plus(sum, bias));
  if (e->before) store(type, e->before, index, there, value);
  return gelu_of(type, value);
}

static inline __attribute__((always_inline)) struct row derived(
    const struct lmk_epilogue *e, int type, struct row sum, long index, struct columns there) {
  struct row slope;
  store(type, e->before, index, there, gelu_and_slope_of(type, load(type, e->before, index, there), &slope));
  return (struct row){_mm512_mul_ps(sum.left, slope.left), _mm512_mul_ps(sum.right, slope.right)};
}

// Kind, type and is_whole are compile-time constants where this is inlined. The epilogue is passed by value, so the
// compiler knows that stores do not alias it.
static inline __attribute__((always_inline)) void store_rows(
    const struct lmk_epilogue e, int kind, int type, bool is_whole, const struct lmk_sums t) {
  const struct columns there = {first_lanes(is_whole ? 16 : t.columns), first_lanes(is_whole ? 16 : t.columns - 16)};
  const struct row none = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  const struct row bias = e.bias ? load_floats(e.bias + t.column, there) : none;
  for (long r = 0; r < t.rows; r++) {
    const float *sums = t.sums + r * LMK_TILE_COLUMNS;
    const struct row sum = {_mm512_load_ps(sums), _mm512_load_ps(sums + 16)};
    const long row = t.row + r, index = row * e.stride + t.column;
    const struct row value = kind == LMK_STORE        ? plain(&e, type, sum, bias, row, t.column, there)
                             : kind == LMK_STORE_GELU ? activated(&e, type, sum, bias, index, there)
                                                      : derived(&e, type, sum, index, there);
    store(type, e.c, index, there, value);
  }
}

static void store_sums_avx512(const struct lmk_epilogue *e, const struct lmk_sums *t) {
#define ONE_CASE(k, t_)                                                            \
  if (e->kind == k && e->type == t_) {                                             \
    if (t->columns >= LMK_TILE_COLUMNS) return store_rows(*e, k, t_, true, *t);    \
    return store_rows(*e, k, t_, false, *t);                                       \
  }
  ONE_CASE(LMK_STORE, LMK_FLOAT32)
  ONE_CASE(LMK_STORE, LMK_BFLOAT16)
  ONE_CASE(LMK_STORE_GELU, LMK_FLOAT32)
  ONE_CASE(LMK_STORE_GELU, LMK_BFLOAT16)
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_FLOAT32)
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_BFLOAT16)
#undef ONE_CASE
}

LMK_END_SET

void lmk_store_sums(int arithmetic, const struct lmk_epilogue *e, const struct lmk_sums *t) {
  if (lmk_is_on_avx2(arithmetic))
    lmk_store_sums_avx2(e, t);
  else
    store_sums_avx512(e, t);
}

void lmk_prefetch_for_epilogue(const struct lmk_epilogue *e, const struct lmk_sums *t) {
  const bool reads_c = e->beta != 0, reads_before = e->kind == LMK_STORE_GELU_GRADIENT;
  if (!e->residual && !reads_c && !reads_before) return;
  const long size = e->type == LMK_FLOAT32 ? 4 : 2;
  for (long r = t->row; r < t->row + t->rows; r++) {
    const long index = r * e->stride + t->column;
    const char *residual = (const char *)(e->residual + r * e->residual_stride + t->column);
    if (e->residual) {
      _mm_prefetch(residual, _MM_HINT_T0);
      _mm_prefetch(residual + 64, _MM_HINT_T0);
    }
    if (reads_c || reads_before) {
      const char *read = (const char *)(reads_c ? e->c : e->before) + index * size;
      _mm_prefetch(read, _MM_HINT_T0);
      _mm_prefetch(read + LMK_TILE_COLUMNS * size - 1, _MM_HINT_T0);
    }
  }
}
#endif
