// The intrinsics of AVX-512, AVX512-BF16, AVX512-VNNI, AVX-VNNI and AMX that CKernels uses, in terms of AVX2, so
// that tests run the code for such processors on any other. SIMDe has most; this file has the rest.
#ifndef LMK_SIMULATED_H
#define LMK_SIMULATED_H

#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wmacro-redefined"
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#pragma clang diagnostic pop
// Vectors of 64 bytes are handed only to functions that are inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define LMK_SIMULATES static inline __attribute__((unused, always_inline))

union lmk_512 {
  __m512i words;
  __m512 floats;
  __m256i words_256[2];
  __m256 floats_256[2];
  int32_t word[16];
  uint16_t half[32];
  float lane[16];
};

LMK_SIMULATES __m512 lmk_loaded(uint64_t mask, const void *from, int bytes) {
  union lmk_512 x;
  memset(&x, 0, sizeof x);
  for (int i = 0; i < 64 / bytes; i++)
    if (mask >> i & 1) memcpy((char *)&x + i * bytes, (const char *)from + i * bytes, (size_t)bytes);
  return x.floats;
}
#define _mm512_maskz_loadu_ps(mask, from) lmk_loaded(mask, from, 4)
#define _mm512_maskz_loadu_epi16(mask, from) ((__m512i)lmk_loaded(mask, from, 2))
#define _mm256_maskz_loadu_epi16(mask, from) \
  (((union lmk_512){.floats = lmk_loaded((mask)&0xFFFF, from, 2)}).words_256[0])

LMK_SIMULATES void lmk_stored(void *to, uint64_t mask, __m512i value, int bytes) {
  for (int i = 0; i < 64 / bytes; i++)
    if (mask >> i & 1) memcpy((char *)to + i * bytes, (const char *)&value + i * bytes, (size_t)bytes);
}
#define _mm512_mask_storeu_ps(to, mask, value) lmk_stored(to, mask, (__m512i)(value), 4)
#define _mm512_mask_storeu_epi32(to, mask, value) lmk_stored(to, mask, value, 4)
#define _mm512_mask_storeu_epi16(to, mask, value) lmk_stored(to, mask, value, 2)

LMK_SIMULATES __m512 lmk_floats_of_words(__m512i x) {
  const union lmk_512 from = {.words = x};
  return ((union lmk_512){.floats_256 = {_mm256_cvtepi32_ps(from.words_256[0]), _mm256_cvtepi32_ps(from.words_256[1])}})
      .floats;
}
#define _mm512_cvtepi32_ps lmk_floats_of_words

LMK_SIMULATES __m512i lmk_rounded_to_words(__m512 x) {
  const union lmk_512 from = {.floats = x};
  return ((union lmk_512){
              .words_256 = {_mm256_cvtps_epi32(from.floats_256[0]), _mm256_cvtps_epi32(from.floats_256[1])}})
      .words;
}
#define _mm512_cvtps_epi32 lmk_rounded_to_words

LMK_SIMULATES __m512i lmk_words_of_halves(__m256i x) {
  const __m256i low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(x));
  const __m256i high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1));
  return ((union lmk_512){.words_256 = {low, high}}).words;
}
#define _mm512_cvtepu16_epi32 lmk_words_of_halves

LMK_SIMULATES __m128i lmk_saturated_bytes(__m512i x) {
  const union lmk_512 from = {.words = x};
  uint8_t bytes[16];
  for (int i = 0; i < 16; i++) bytes[i] = (uint32_t)from.word[i] > 255 ? 255 : (uint8_t)from.word[i];
  return _mm_loadu_si128((const __m128i *)bytes);
}
#define _mm512_cvtusepi32_epi8 lmk_saturated_bytes

#define _mm512_kunpackw(high, low) ((__mmask32)(high) << 16 | ((__mmask32)(low)&0xFFFF))

// VCVTNEPS2BF16: nearest, ties to even; subnormals become zero, NaN quiet.
LMK_SIMULATES uint16_t lmk_bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
  if ((bits & 0x7F800000u) == 0) return (uint16_t)(bits >> 16 & 0x8000);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

LMK_SIMULATES __m512i lmk_bfloat16_pairs(__m512 high, __m512 low) {
  const union lmk_512 upper = {.floats = high}, lower = {.floats = low};
  union lmk_512 result;
  for (int i = 0; i < 16; i++) {
    result.half[i] = lmk_bfloat16(lower.lane[i]);
    result.half[16 + i] = lmk_bfloat16(upper.lane[i]);
  }
  return result.words;
}
#define _mm512_cvtne2ps_pbh lmk_bfloat16_pairs
#define _mm512_cvtneps_pbh(x) (((union lmk_512){.words = lmk_bfloat16_pairs(x, x)}).words_256[0])

// The form of AVX-VNNI.
#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32

// 1/x where hardware is off by up to 2^-14 of it.
#define _mm512_rcp14_ps(x) _mm512_div_ps(_mm512_set1_ps(1), x)

// In parentheses: SIMDe 0.7.4 shifts the mode without.
#define _mm512_reduce_ps(x, mode) _mm512_sub_ps(x, _mm512_roundscale_ps(x, (mode)))

// In the order that compilers choose: halves, quarters, eighths.
#define LMK_REDUCTION(name, combined_256, combined)                                       \
  LMK_SIMULATES float name(__m512 x) {                                                    \
    const union lmk_512 from = {.floats = x};                                             \
    const __m256 all = combined_256(from.floats_256[0], from.floats_256[1]);              \
    __m128 left = combined(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));   \
    left = combined(left, _mm_movehl_ps(left, left));                                     \
    return _mm_cvtss_f32(combined(left, _mm_shuffle_ps(left, left, 1)));                  \
  }
LMK_REDUCTION(lmk_sum, _mm256_add_ps, _mm_add_ps)
LMK_REDUCTION(lmk_most, _mm256_max_ps, _mm_max_ps)
LMK_REDUCTION(lmk_least, _mm256_min_ps, _mm_min_ps)
#define _mm512_reduce_add_ps lmk_sum
#define _mm512_reduce_max_ps lmk_most
#define _mm512_reduce_min_ps lmk_least

// AMX: eight registers of sixteen rows of sixteen words, the one shape that CKernels configures.
typedef uint32_t lmk_tile_register[16][16];
LMK_SIMULATES lmk_tile_register *lmk_tile_registers(void) {
  static _Thread_local lmk_tile_register all[8];
  return all;
}
#define _tile_loadconfig(shapes) ((void)(shapes))
#define _tile_release() ((void)0)
#define _tile_zero(number) memset(lmk_tile_registers()[number], 0, sizeof(lmk_tile_register))

LMK_SIMULATES void lmk_load_tile(int number, const void *from, long stride) {
  for (int i = 0; i < 16; i++) memcpy(lmk_tile_registers()[number][i], (const char *)from + i * stride, 64);
}
#define _tile_loadd lmk_load_tile

LMK_SIMULATES void lmk_store_tile(int number, void *to, long stride) {
  for (int i = 0; i < 16; i++) memcpy((char *)to + i * stride, lmk_tile_registers()[number][i], 64);
}
#define _tile_stored lmk_store_tile

LMK_SIMULATES void lmk_multiply_tiles(int to, int a, int b) {
  lmk_tile_register *all = lmk_tile_registers();
  for (int i = 0; i < 16; i++) {
    __m512 sums;
    memcpy(&sums, all[to][i], 64);
    for (int k = 0; k < 16; k++) {
      __m512i row;
      memcpy(&row, all[b][k], 64);
      const union lmk_512 pair = {.words = _mm512_set1_epi32((int)all[a][i][k])}, columns = {.words = row};
      sums = _mm512_dpbf16_ps(sums, (__m512bh)pair.floats, (__m512bh)columns.floats);
    }
    memcpy(all[to][i], &sums, 64);
  }
}
#define _tile_dpbf16ps lmk_multiply_tiles

LMK_SIMULATES void lmk_multiply_byte_tiles(int to, int a, int b) {
  lmk_tile_register *all = lmk_tile_registers();
  for (int i = 0; i < 16; i++) {
    for (int k = 0; k < 16; k++) {
      const uint8_t *bytes = (const uint8_t *)&all[a][i][k];
      for (int j = 0; j < 16; j++) {
        const int8_t *others = (const int8_t *)&all[b][k][j];
        int32_t sum = (int32_t)all[to][i][j];
        for (int d = 0; d < 4; d++) sum += bytes[d] * others[d];
        all[to][i][j] = (uint32_t)sum;
      }
    }
  }
}
#define _tile_dpbusd lmk_multiply_byte_tiles

#endif
