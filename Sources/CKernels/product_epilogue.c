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

// Each bfloat16 becomes the upper half of a float.
static inline struct row widened(__m512i both) {
  static const _Alignas(64) uint16_t left[32] = {0, 0, 0, 1, 0, 2,  0, 3,  0, 4,  0, 5,  0, 6,  0, 7,
                                                 0, 8, 0, 9, 0, 10, 0, 11, 0, 12, 0, 13, 0, 14, 0, 15};
  const __m512i places = _mm512_load_si512(left);
  const __m512i behind = _mm512_or_si512(places, _mm512_set1_epi16(16));
  const __mmask32 upper = 0xAAAAAAAA;
  return (struct row){
      _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(upper, places, both)),
      _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(upper, behind, both))};
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

// 2^x with a relative error below 8e-5, as rough_power_of_two, for x >= -200. The instruction that scales takes the
// integer below x itself.
static inline __attribute__((always_inline)) __m512 rough_power_of_two(__m512 x) {
  const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0.0780235029f), r, _mm512_set1_ps(0.226067822f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.695833706f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.999925154f));
  return _mm512_scalef_ps(p, x);
}

// Φ(x) for x >= -25: 1 / rough_inverse_below, by an approximate reciprocal (relative error below 2^-14), a fifth of a
// division's cost.
static inline __attribute__((always_inline)) __m512 rough_below(__m512 x) {
  const __m512 s = _mm512_min_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(36));
  __m512 q = _mm512_fmadd_ps(_mm512_set1_ps(7.07930994e-8f), s, _mm512_set1_ps(-4.30398268e-6f));
  q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(8.24344315e-5f));
  q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(4.95849585e-4f));
  q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(-0.105738327f));
  q = _mm512_fmadd_ps(q, s, _mm512_set1_ps(-2.30160165f));
  // In this order NaN stays NaN.
  const __m512 exponent = _mm512_max_ps(_mm512_set1_ps(-200), _mm512_mul_ps(x, q));
  return _mm512_rcp14_ps(_mm512_add_ps(rough_power_of_two(exponent), _mm512_set1_ps(1)));
}

// NaN stays NaN here, too.
static inline __attribute__((always_inline)) __m512 rough_argument(__m512 x) {
  return _mm512_max_ps(_mm512_set1_ps(-25), x);
}

static inline __attribute__((always_inline)) __m512 rough_gelu(__m512 x) {
  const __m512 from = rough_argument(x);
  return _mm512_mul_ps(from, rough_below(from));
}

static inline __attribute__((always_inline)) __m512 rough_gelu_and_slope(__m512 x, __m512 *slope) {
  const __m512 from = rough_argument(x), below = rough_below(from);
  const __m512 exponent = _mm512_mul_ps(_mm512_mul_ps(from, from), _mm512_set1_ps(-0.721347520f));
  const __m512 density = _mm512_mul_ps(
      rough_power_of_two(_mm512_max_ps(_mm512_set1_ps(-200), exponent)), _mm512_set1_ps(0.398942280f));
  *slope = _mm512_fmadd_ps(from, density, below);
  return _mm512_mul_ps(from, below);
}

static inline __attribute__((always_inline)) struct row gelu_of(int type, struct row values) {
  if (type == LMK_BFLOAT16) return (struct row){rough_gelu(values.left), rough_gelu(values.right)};
  _Alignas(64) float x[32], y[32];
  _mm512_store_ps(x, values.left);
  _mm512_store_ps(x + 16, values.right);
  for (int i = 0; i < 32; i++) {
    LMK_FUSES
    y[i] = LMK_NAME(gelu_value)(x[i], LMK_FLOAT32);
  }
  return (struct row){_mm512_load_ps(y), _mm512_load_ps(y + 16)};
}

static inline __attribute__((always_inline)) struct row gelu_and_slope_of(
    int type, struct row values, struct row *slope) {
  if (type == LMK_BFLOAT16) {
    const __m512 left = rough_gelu_and_slope(values.left, &slope->left);
    return (struct row){left, rough_gelu_and_slope(values.right, &slope->right)};
  }
  _Alignas(64) float x[32], y[32], z[32];
  _mm512_store_ps(x, values.left);
  _mm512_store_ps(x + 16, values.right);
  for (int i = 0; i < 32; i++) {
    LMK_FUSES
    const struct LMK_NAME(gelu_both) both = LMK_NAME(gelu_value_and_slope)(x[i], LMK_FLOAT32);
    y[i] = both.value;
    z[i] = both.slope;
  }
  *slope = (struct row){_mm512_load_ps(z), _mm512_load_ps(z + 16)};
  return (struct row){_mm512_load_ps(y), _mm512_load_ps(y + 16)};
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
