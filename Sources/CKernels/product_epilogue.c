// What becomes of a tile of sums (product_epilogue.h). Only for processors with AVX-512.
#include "product_epilogue.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "CKernels.h"
#include "product_lanes.h"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)
#define LMK_FUSES _Pragma("clang fp contract(fast)")
#define LMK_NAME(operation) operation##_avx512
#include "vector_math.h"
#include "gelu_math.h"

// Half a row of a tile: sixteen numbers, `mask` says which are meant.
static inline __m512 load(int type, const void *from, long index, __mmask16 mask) {
  if (type == LMK_FLOAT32) return _mm512_maskz_loadu_ps(mask, (const float *)from + index);
  const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)from + index);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static inline void store(int type, void *to, long index, __mmask16 mask, __m512 values) {
  if (type == LMK_FLOAT32)
    _mm512_mask_storeu_ps((float *)to + index, mask, values);
  else
    _mm256_mask_storeu_epi16((uint16_t *)to + index, mask, (__m256i)_mm512_cvtneps_pbh(values));
}

// The value as it is stored: what a derivative sees later must be what was computed with now.
static inline __m512 as_stored(int type, __m512 values) {
  if (type == LMK_FLOAT32) return values;
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(values)), 16));
}

static inline __m512 add_bias(const struct lmk_epilogue *e, __m512 sum, long column, __mmask16 mask) {
  return e->bias ? _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, e->bias + column)) : sum;
}

static inline __m512 plain(const struct lmk_epilogue *e, int type, __m512 sum, long row, long column, __mmask16 mask) {
  __m512 value = add_bias(e, _mm512_mul_ps(sum, _mm512_set1_ps(e->scale)), column, mask);
  if (e->residual)
    value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, e->residual + row * e->residual_stride + column));
  if (e->keep != 0)
    value = _mm512_fmadd_ps(_mm512_set1_ps(e->keep), load(type, e->c, row * e->stride + column, mask), value);
  return value;
}

// GELU of sixteen numbers. For bfloat16 with an estimate of the quotient, its error below 2^-14, that costs a fifth of a division.
static inline __m512 gelu_of(int type, __m512 values) {
  _Alignas(64) float x[16], y[16];
  _mm512_store_ps(x, values);
  for (int i = 0; i < 16; i++) {
    LMK_FUSES
    if (type == LMK_FLOAT32) {
      y[i] = LMK_NAME(gelu_value)(x[i], type);
    } else {
      x[i] = LMK_NAME(rough_argument)(x[i]);
      y[i] = LMK_NAME(rough_inverse_below)(x[i]);
    }
  }
  if (type == LMK_FLOAT32) return _mm512_load_ps(y);
  return _mm512_mul_ps(_mm512_load_ps(x), _mm512_rcp14_ps(_mm512_load_ps(y)));
}

static inline __m512 gelu_and_slope_of(int type, __m512 values, __m512 *slope) {
  _Alignas(64) float x[16], y[16], z[16];
  _mm512_store_ps(x, values);
  for (int i = 0; i < 16; i++) {
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
  if (type == LMK_FLOAT32) {
    *slope = _mm512_load_ps(z);
    return _mm512_load_ps(y);
  }
  const __m512 from = _mm512_load_ps(x), below = _mm512_rcp14_ps(_mm512_load_ps(y));
  *slope = _mm512_fmadd_ps(from, _mm512_load_ps(z), below);
  return _mm512_mul_ps(from, below);
}

static inline __m512 activated(
    const struct lmk_epilogue *e, int type, __m512 sum, long row, long column, __mmask16 mask) {
  const __m512 value = as_stored(type, add_bias(e, sum, column, mask));
  if (e->before) store(type, e->before, row * e->stride + column, mask, value);
  return gelu_of(type, value);
}

static inline __m512 derived(
    const struct lmk_epilogue *e, int type, __m512 sum, long row, long column, __mmask16 mask) {
  const long index = row * e->stride + column;
  __m512 slope;
  store(type, e->before, index, mask, gelu_and_slope_of(type, load(type, e->before, index, mask), &slope));
  return _mm512_mul_ps(sum, slope);
}

// Kind, type and whether all columns are there are constants where this is inlined. The epilogue is a copy of the caller's: stores cannot
// change it.
static inline __attribute__((always_inline)) void store_tile(
    const struct lmk_epilogue e, int kind, int type, bool is_whole, const float *sums, long row, long rows, long column,
    long columns) {
  const __mmask16 masks[2] = {first_lanes(is_whole ? 16 : columns), first_lanes(is_whole ? 16 : columns - 16)};
  for (long r = 0; r < rows; r++) {
    for (long half = 0; half < 2; half++) {
      if (!is_whole && !masks[half]) continue;
      const __mmask16 mask = is_whole ? 0xFFFF : masks[half];
      const __m512 sum = _mm512_load_ps(sums + r * LMK_TILE_COLUMNS + 16 * half);
      const long at_row = row + r, at_column = column + 16 * half;
      const __m512 value = kind == LMK_STORE        ? plain(&e, type, sum, at_row, at_column, mask)
                           : kind == LMK_STORE_GELU ? activated(&e, type, sum, at_row, at_column, mask)
                                                    : derived(&e, type, sum, at_row, at_column, mask);
      store(type, e.c, at_row * e.stride + at_column, mask, value);
    }
  }
}

void lmk_bring_tile_near(const struct lmk_epilogue *e, long row, long rows, long column) {
  const long size = e->type == LMK_FLOAT32 ? 4 : 2;
  for (long r = row; r < row + rows; r++) {
    const long index = r * e->stride + column;
    const char *residual = (const char *)(e->residual + r * e->residual_stride + column);
    if (e->residual) {
      _mm_prefetch(residual, _MM_HINT_T0);
      _mm_prefetch(residual + 64, _MM_HINT_T0);
    }
    if (e->keep != 0 || e->kind == LMK_STORE_GELU_GRADIENT) {
      const char *read = (const char *)(e->keep != 0 ? e->c : e->before) + index * size;
      _mm_prefetch(read, _MM_HINT_T0);
      _mm_prefetch(read + LMK_TILE_COLUMNS * size - 1, _MM_HINT_T0);
    }
  }
}

void lmk_store_tile(
    const struct lmk_epilogue *e, const float *sums, long row, long rows, long column, long columns) {
#define ONE_CASE(k, t)                                                                                          \
  if (e->kind == k && e->type == t) {                                                                           \
    if (columns >= LMK_TILE_COLUMNS) return store_tile(*e, k, t, true, sums, row, rows, column, columns);       \
    return store_tile(*e, k, t, false, sums, row, rows, column, columns);                                       \
  }
  ONE_CASE(LMK_STORE, LMK_FLOAT32)
  ONE_CASE(LMK_STORE, LMK_BFLOAT16)
  ONE_CASE(LMK_STORE_GELU, LMK_FLOAT32)
  ONE_CASE(LMK_STORE_GELU, LMK_BFLOAT16)
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_FLOAT32)
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_BFLOAT16)
#undef ONE_CASE
}

#pragma clang attribute pop
#endif
