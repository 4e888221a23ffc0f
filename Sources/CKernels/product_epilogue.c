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

static inline __m512 plain(const struct lmk_epilogue *e, __m512 sum, long row, long column, __mmask16 mask) {
  __m512 value = e->scale == 1 ? sum : _mm512_mul_ps(sum, _mm512_set1_ps(e->scale));
  if (e->bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, e->bias + column));
  if (e->residual)
    value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, e->residual + row * e->residual_stride + column));
  if (e->keep != 0)
    value = _mm512_fmadd_ps(_mm512_set1_ps(e->keep), load(e->type, e->c, row * e->stride + column, mask), value);
  return value;
}

static inline __m512 activated(const struct lmk_epilogue *e, __m512 sum, long row, long column, __mmask16 mask) {
  __m512 value = e->bias ? _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, e->bias + column)) : sum;
  value = as_stored(e->type, value);
  if (e->before) store(e->type, e->before, row * e->stride + column, mask, value);
  _Alignas(64) float x[16];
  _mm512_store_ps(x, value);
  for (int i = 0; i < 16; i++) {
    LMK_FUSES
    x[i] = LMK_NAME(gelu_value)(x[i]);
  }
  return _mm512_load_ps(x);
}

static inline __m512 derived(const struct lmk_epilogue *e, __m512 sum, long row, long column, __mmask16 mask) {
  _Alignas(64) float x[16], y[16];
  const long index = row * e->stride + column;
  _mm512_store_ps(x, load(e->type, e->before, index, mask));
  for (int i = 0; i < 16; i++) {
    LMK_FUSES
    const struct LMK_NAME(gelu_both) both = LMK_NAME(gelu_value_and_slope)(x[i]);
    y[i] = both.value;
    x[i] = both.slope;
  }
  store(e->type, e->before, index, mask, _mm512_load_ps(y));
  return _mm512_mul_ps(sum, _mm512_load_ps(x));
}

void lmk_store_tile(
    const struct lmk_epilogue *e, const float *sums, long row, long rows, long column, long columns) {
  for (long half = 0; half < columns; half += 16) {
    const long count = columns - half;
    const __mmask16 mask = count >= 16 ? 0xFFFF : (__mmask16)((1u << count) - 1);
    for (long r = 0; r < rows; r++) {
      const __m512 sum = _mm512_load_ps(sums + r * LMK_TILE_COLUMNS + half);
      const long at_row = row + r, at_column = column + half;
      const __m512 value = e->kind == LMK_STORE        ? plain(e, sum, at_row, at_column, mask)
                           : e->kind == LMK_STORE_GELU ? activated(e, sum, at_row, at_column, mask)
                                                       : derived(e, sum, at_row, at_column, mask);
      store(e->type, e->c, at_row * e->stride + at_column, mask, value);
    }
  }
}

#pragma clang attribute pop
#endif
