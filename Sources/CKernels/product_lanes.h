// Helpers for vectors of sixteen 32-bit lanes, and for reading matrices by them.
#ifndef LMK_PRODUCT_LANES_H
#define LMK_PRODUCT_LANES_H


#include "instructions.h"
#include "lmk_product.h"

static inline __attribute__((unused)) long least(long a, long b) { return a < b ? a : b; }

// A mask of the first `count` of sixteen lanes.
static inline __attribute__((unused)) __mmask16 first_lanes(long count) {
  return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

static inline __attribute__((unused)) const char *element(const struct lmk_matrix *m, long row, long column) {
  return (const char *)m->data + (row * m->stride + column) * (m->type == LMK_FLOAT32 ? 4 : 2);
}

LMK_BEGIN_AVX512
// Loads sixteen elements as floats; masked-off lanes are zero.
static inline __attribute__((unused, always_inline)) __m512 floats(
    int type, const char *from, __mmask16 mask) {
  if (type == LMK_FLOAT32) return _mm512_maskz_loadu_ps(mask, from);
  const __m512i halves = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
}

// Transposes 16 × 16 words.
static inline __attribute__((unused)) void transpose(__m512i x[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int h = 0; h < 2; h++) {
      x[i + 2 * h] = _mm512_unpacklo_epi64(t[i + h], t[i + 2 + h]);
      x[i + 2 * h + 1] = _mm512_unpackhi_epi64(t[i + h], t[i + 2 + h]);
    }
  }
  // Now the four 128-bit lanes of x[i + j] (i = 0, 4, 8, 12) hold columns j, j + 4, j + 8, j + 12 of rows i ... i + 3.
  for (int j = 0; j < 4; j++) {
    const __m512i ab_low = _mm512_shuffle_i32x4(x[j], x[4 + j], 0x44);
    const __m512i ab_high = _mm512_shuffle_i32x4(x[j], x[4 + j], 0xEE);
    const __m512i cd_low = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0x44);
    const __m512i cd_high = _mm512_shuffle_i32x4(x[8 + j], x[12 + j], 0xEE);
    t[j] = _mm512_shuffle_i32x4(ab_low, cd_low, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(ab_low, cd_low, 0xDD);
    t[8 + j] = _mm512_shuffle_i32x4(ab_high, cd_high, 0x88);
    t[12 + j] = _mm512_shuffle_i32x4(ab_high, cd_high, 0xDD);
  }
  for (int i = 0; i < 16; i++) x[i] = t[i];
}
LMK_END_SET

#endif
