// Quantisation and packing of rows of eight-bit operands (lmk_quantize.h), with AVX-512.
#include "product_quantize.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_AVX512BF16

enum { lanes = 16 };

// The range of a row, 0 included; `spoilt` collects 0 · x, which is NaN where x is not finite.
static void find_range(const float *from, long depth, float *low, float *high, float *spoilt) {
  __m512 least = _mm512_setzero_ps(), most = least, zeros = least;
  for (long k = 0; k < depth; k += lanes) {
    const __m512 x = _mm512_maskz_loadu_ps(first_lanes(depth - k), from + k);
    least = _mm512_min_ps(x, least);
    most = _mm512_max_ps(x, most);
    zeros = _mm512_fmadd_ps(x, _mm512_setzero_ps(), zeros);
  }
  *low = _mm512_reduce_min_ps(least);
  *high = _mm512_reduce_max_ps(most);
  *spoilt = _mm512_reduce_add_ps(zeros);
}

// bfloat16 in the order of their values as 16-bit integers, and back: negative ones have the bits of their magnitude
// turned round. Infinities and NaNs lie at both ends.
static inline __m512i ordered(__m512i x) {
  const __m512i magnitude = _mm512_set1_epi16(0x7FFF), sign = _mm512_srai_epi16(x, 15);
  return _mm512_xor_si512(x, _mm512_and_si512(sign, magnitude));
}

static inline float from_order(int16_t key) {
  const uint32_t bits = (uint32_t)(uint16_t)(key < 0 ? key ^ 0x7FFF : key) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline int16_t least_of(__m512i x) {
  const __m256i half = _mm256_min_epi16(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
  const __m128i quarter = _mm_min_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // The one horizontal minimum there is takes its numbers as unsigned.
  const __m128i shift = _mm_set1_epi16((short)0x8000);
  return (int16_t)(_mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(quarter, shift)), 0) ^ 0x8000);
}

// find_range for bfloat16, 32 at a time.
static void find_range_of_halves(const uint16_t *from, long depth, float *low, float *high, float *spoilt) {
  __m512i least = _mm512_setzero_si512(), most = least;
  long k = 0;
  for (; k + 31 < depth; k += 32) {
    const __m512i key = ordered(_mm512_loadu_si512(from + k));
    least = _mm512_min_epi16(key, least);
    most = _mm512_max_epi16(key, most);
  }
  if (k < depth) {
    const __m512i key = ordered(_mm512_maskz_loadu_epi16((1u << (depth - k)) - 1, from + k));
    least = _mm512_min_epi16(key, least);
    most = _mm512_max_epi16(key, most);
  }
  *low = from_order(least_of(least));
  // ~x turns the order round.
  *high = from_order((int16_t)~least_of(_mm512_xor_si512(most, _mm512_set1_epi32(-1))));
  *spoilt = isfinite(*low) && isfinite(*high) ? 0 : NAN;
}

static void quantize_rows_avx512(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros) {
  for (long r = 0; r < lmk_whole_tiles(arithmetic, rows); r++) {
    float low = 0, high = 0, spoilt = 0;
    const char *from = element(a, first_row + r, 0);
    if (r < rows && a->type == LMK_FLOAT32)
      find_range((const float *)from, depth, &low, &high, &spoilt);
    else if (r < rows)
      find_range_of_halves((const uint16_t *)from, depth, &low, &high, &spoilt);
    lmk_set_scale(low, high, spoilt, &scales[r], &zeros[r]);
  }
}

static inline __m512i bytes_as_words(__m512 x, __m512 inverse) { return _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)); }

// 32 bfloat16 as 16-bit integers, in their order: the even ones and the odd ones are multiplied as floats.
static inline __m512i bytes_as_halves(const uint16_t *from, __m512 inverse, __m512i shift) {
  const __m512i x = _mm512_loadu_si512(from), odd = _mm512_and_si512(x, _mm512_set1_epi32((int)0xFFFF0000u));
  const __m512i low = bytes_as_words(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), inverse);
  const __m512i high = _mm512_slli_epi32(bytes_as_words(_mm512_castsi512_ps(odd), inverse), 16);
  return _mm512_add_epi16(_mm512_mask_blend_epi16(0xAAAAAAAA, low, high), shift);
}

static inline __attribute__((always_inline)) void pack_row(
    int type, const char *from, long depth, float scale, int32_t zero, uint8_t *to) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  const __m512 inverse = _mm512_set1_ps(scale > 0 ? 1 / scale : 0);
  const __m512i none = _mm512_setzero_si512();
  long k = 0;
  if (type == LMK_BFLOAT16) {
    const __m512i shift = _mm512_set1_epi16((short)zero), in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    for (; k + 63 < depth; k += 64) {
      const uint16_t *halves = (const uint16_t *)from + k;
      const __m512i left = bytes_as_halves(halves, inverse, shift), right = bytes_as_halves(halves + 32, inverse, shift);
      _mm512_storeu_si512(to + k, _mm512_permutexvar_epi64(in_order, _mm512_packus_epi16(left, right)));
    }
  }
  for (; k < depth; k += lanes) {
    const __m512 x = floats(type, from + k * size, first_lanes(depth - k));
    const __m512i byte = _mm512_add_epi32(bytes_as_words(x, inverse), _mm512_set1_epi32(zero));
    _mm_storeu_si128((__m128i *)(to + k), _mm512_cvtusepi32_epi8(_mm512_max_epi32(byte, none)));
  }
}

// What stands behind the depth, where words are padded for AMX, meets zeros of b.
static void pack_bytes_avx512(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed) {
  for (long r = 0; r < lmk_whole_tiles(arithmetic, rows); r++) {
    uint32_t *to = packed + r * LMK_ROW_WORDS;
    if (r >= rows) {
      memset(to, 0, sizeof *to * (size_t)lmk_a_words(arithmetic, depth));
      continue;
    }
    const char *from = element(a, first_row + r, first);
    if (a->type == LMK_FLOAT32)
      pack_row(LMK_FLOAT32, from, depth, scales[r], zeros[r], (uint8_t *)to);
    else
      pack_row(LMK_BFLOAT16, from, depth, scales[r], zeros[r], (uint8_t *)to);
  }
}

LMK_END_SET

void lmk_quantize_rows(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros) {
  if (lmk_is_on_avx2(arithmetic))
    lmk_quantize_rows_avx2(arithmetic, a, first_row, rows, depth, scales, zeros);
  else
    quantize_rows_avx512(arithmetic, a, first_row, rows, depth, scales, zeros);
}

void lmk_pack_bytes(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed) {
  if (lmk_is_on_avx2(arithmetic))
    lmk_pack_bytes_avx2(arithmetic, a, first_row, rows, first, depth, scales, zeros, packed);
  else
    pack_bytes_avx512(arithmetic, a, first_row, rows, first, depth, scales, zeros, packed);
}
#endif
