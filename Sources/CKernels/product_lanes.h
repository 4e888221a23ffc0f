// Helpers for vectors of sixteen 32-bit lanes, and for reading matrices by them.
#ifndef LMK_PRODUCT_LANES_H
#define LMK_PRODUCT_LANES_H

#include <immintrin.h>

#include "lmk_product.h"

static inline __attribute__((unused)) long least(long a, long b) { return a < b ? a : b; }

// A mask of the first `count` of sixteen lanes.
static inline __attribute__((unused)) __mmask16 first_lanes(long count) {
  return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

static inline __attribute__((unused)) const char *element(const struct lmk_matrix *m, long row, long column) {
  return (const char *)m->data + (row * m->stride + column) * (m->type == LMK_FLOAT32 ? 4 : 2);
}

// Loads sixteen elements as floats; masked-off lanes are zero.
static inline __attribute__((unused, always_inline, target("avx512f,avx512bw,avx512vl"))) __m512 floats(
    int type, const char *from, __mmask16 mask) {
  if (type == LMK_FLOAT32) return _mm512_maskz_loadu_ps(mask, from);
  const __m512i halves = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
}

#endif
