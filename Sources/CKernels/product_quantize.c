// Quantisation and packing of rows of eight-bit operands (lmk_quantize.h), with AVX-512.
#include "lmk_quantize.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include "product_lanes.h"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)

enum { lanes = 16 };
// Ranges below this are taken for zero, so that no reciprocal of a scale overflows.
static const float least_range = 0x1p-100f;

static long whole_tiles(long rows) { return (rows + LMK_TILE_ROWS - 1) / LMK_TILE_ROWS * LMK_TILE_ROWS; }

// The range of a row, 0 included; `spoilt` collects 0 · x, which is NaN where x is not finite.
static inline __attribute__((always_inline)) void find_range(
    int type, const char *from, long depth, float *low, float *high, float *spoilt) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  __m512 least = _mm512_setzero_ps(), most = least, zeros = least;
  for (long k = 0; k < depth; k += lanes) {
    const __m512 x = floats(type, from + k * size, first_lanes(depth - k));
    least = _mm512_min_ps(x, least);
    most = _mm512_max_ps(x, most);
    zeros = _mm512_fmadd_ps(x, _mm512_setzero_ps(), zeros);
  }
  *low = _mm512_reduce_min_ps(least);
  *high = _mm512_reduce_max_ps(most);
  *spoilt = _mm512_reduce_add_ps(zeros);
}

void lmk_quantize_rows(
    const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros) {
  for (long r = 0; r < whole_tiles(rows); r++) {
    scales[r] = 0;
    zeros[r] = 0;
    if (r >= rows) continue;
    float low, high, spoilt;
    const char *from = element(a, first_row + r, 0);
    if (a->type == LMK_FLOAT32)
      find_range(LMK_FLOAT32, from, depth, &low, &high, &spoilt);
    else
      find_range(LMK_BFLOAT16, from, depth, &low, &high, &spoilt);
    // Halves first: the range of two large floats is none.
    const float half = 0.5f * high - 0.5f * low;
    if (half < 0.5f * least_range && spoilt == 0) continue;
    scales[r] = half / 127.5f + spoilt;
    zeros[r] = spoilt == 0 ? (int32_t)lrintf(-low / scales[r]) : 0;
  }
}

static inline __attribute__((always_inline)) void pack_row(
    int type, const char *from, long depth, float scale, int32_t zero, uint8_t *to) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  const __m512 inverse = _mm512_set1_ps(scale > 0 ? 1 / scale : 0);
  const __m512i shift = _mm512_set1_epi32(zero), none = _mm512_setzero_si512();
  for (long k = 0; k < depth; k += lanes) {
    const __m512 x = floats(type, from + k * size, first_lanes(depth - k));
    const __m512i byte = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)), shift);
    _mm_storeu_si128((__m128i *)(to + k), _mm512_cvtusepi32_epi8(_mm512_max_epi32(byte, none)));
  }
}

void lmk_pack_bytes(
    const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed) {
  for (long r = 0; r < whole_tiles(rows); r++) {
    uint32_t *to = packed + r * LMK_ROW_WORDS;
    if (r >= rows) {
      memset(to, 0, sizeof *to * (size_t)lmk_a_words(LMK_PRODUCT_INT8, depth));
      continue;
    }
    const char *from = element(a, first_row + r, first);
    if (a->type == LMK_FLOAT32)
      pack_row(LMK_FLOAT32, from, depth, scales[r], zeros[r], (uint8_t *)to);
    else
      pack_row(LMK_BFLOAT16, from, depth, scales[r], zeros[r], (uint8_t *)to);
  }
}

#pragma clang attribute pop
#endif
