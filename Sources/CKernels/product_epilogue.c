// What becomes of a tile of sums (product_epilogue.h). Only for processors with AVX-512.
#include "product_epilogue.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "CKernels.h"
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

static inline __m512 activated(
    const struct lmk_epilogue *e, int type, __m512 sum, long row, long column, __mmask16 mask) {
  const __m512 value = as_stored(type, add_bias(e, sum, column, mask));
  if (e->before) store(type, e->before, row * e->stride + column, mask, value);
  _Alignas(64) float x[16];
  _mm512_store_ps(x, value);
  for (int i = 0; i < 16; i++) {
    LMK_FUSES
    x[i] = LMK_NAME(gelu_value)(x[i]);
  }
  return _mm512_load_ps(x);
}

static inline __m512 derived(
    const struct lmk_epilogue *e, int type, __m512 sum, long row, long column, __mmask16 mask) {
  _Alignas(64) float x[16], y[16];
  const long index = row * e->stride + column;
  _mm512_store_ps(x, load(type, e->before, index, mask));
  for (int i = 0; i < 16; i++) {
    LMK_FUSES
    const struct LMK_NAME(gelu_both) both = LMK_NAME(gelu_value_and_slope)(x[i]);
    y[i] = both.value;
    x[i] = both.slope;
  }
  store(type, e->before, index, mask, _mm512_load_ps(y));
  return _mm512_mul_ps(sum, _mm512_load_ps(x));
}

// Kind and type are constants where this is inlined.
static inline __attribute__((always_inline)) void store_tile(
    const struct lmk_epilogue *e, int kind, int type, const float *sums, long row, long rows, long column,
    long columns) {
  const __mmask16 masks[2] = {
      columns >= 16 ? 0xFFFF : (__mmask16)((1u << columns) - 1),
      columns >= 32 ? 0xFFFF : columns <= 16 ? 0 : (__mmask16)((1u << (columns - 16)) - 1)};
  for (long r = 0; r < rows; r++) {
    for (long half = 0; half < 2; half++) {
      if (!masks[half]) continue;
      const __mmask16 mask = masks[half];
      const __m512 sum = _mm512_load_ps(sums + r * LMK_TILE_COLUMNS + 16 * half);
      const long at_row = row + r, at_column = column + 16 * half;
      const __m512 value = kind == LMK_STORE        ? plain(e, type, sum, at_row, at_column, mask)
                           : kind == LMK_STORE_GELU ? activated(e, type, sum, at_row, at_column, mask)
                                                    : derived(e, type, sum, at_row, at_column, mask);
      store(type, e->c, at_row * e->stride + at_column, mask, value);
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

// Sums of a whole tile, nothing added.
static inline __attribute__((always_inline)) void copy_tile(
    const struct lmk_epilogue *e, int type, const float *sums, long row, long rows, long column) {
  for (long r = 0; r < rows; r++) {
    const long index = (row + r) * e->stride + column;
    store(type, e->c, index, 0xFFFF, _mm512_load_ps(sums + r * LMK_TILE_COLUMNS));
    store(type, e->c, index + 16, 0xFFFF, _mm512_load_ps(sums + r * LMK_TILE_COLUMNS + 16));
  }
}

void lmk_store_tile(
    const struct lmk_epilogue *e, const float *sums, long row, long rows, long column, long columns) {
  const int is_plain = e->kind == LMK_STORE && e->scale == 1 && !e->bias && !e->residual && e->keep == 0;
  if (is_plain && columns >= LMK_TILE_COLUMNS) {
    if (e->type == LMK_FLOAT32)
      copy_tile(e, LMK_FLOAT32, sums, row, rows, column);
    else
      copy_tile(e, LMK_BFLOAT16, sums, row, rows, column);
    return;
  }
#define ONE_CASE(k, t) \
  if (e->kind == k && e->type == t) return store_tile(e, k, t, sums, row, rows, column, columns)
  ONE_CASE(LMK_STORE, LMK_FLOAT32);
  ONE_CASE(LMK_STORE, LMK_BFLOAT16);
  ONE_CASE(LMK_STORE_GELU, LMK_FLOAT32);
  ONE_CASE(LMK_STORE_GELU, LMK_BFLOAT16);
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_FLOAT32);
  ONE_CASE(LMK_STORE_GELU_GRADIENT, LMK_BFLOAT16);
#undef ONE_CASE
}

#pragma clang attribute pop
#endif
