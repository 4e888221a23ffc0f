// Peak arithmetic rate of a core: multiply-add loops that touch only registers.
#include "CKernels.h"
#include "product_tile.h"
#include "instructions.h"

enum { chains = 24, floats_a_vector = 16 };

static double portable_loop(long steps) {
  float sums[floats_a_vector] = {0};
  const volatile float factor = 0.999f;
  const float f = factor;
  for (long s = 0; s < steps * chains; s++)
    for (int i = 0; i < floats_a_vector; i++) sums[i] = sums[i] * f + f;
  volatile float result = sums[3];
  (void)result;
  return 2.0 * floats_a_vector * chains * (double)steps;
}

#if defined(__x86_64__)
// Independent chains hide the latency. LMK_KEEP keeps the compiler from folding the computation away.
#define LMK_LOOP(name, vector, count, rounds, zero, one_step)                  \
  static __attribute__((noinline)) void name(long steps) {                     \
    vector sum[count];                                                         \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) sum[i] = zero; \
    for (long s = 0; s < rounds * steps; s++) {                                \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i++) {     \
        one_step;                                                              \
        LMK_KEEP(sum[i]);                                                      \
      }                                                                        \
    }                                                                          \
  }
#define LMK_LONG_LOOP(name, vector, zero, one_step) LMK_LOOP(name, vector, chains, 1, zero, one_step)
// AVX2 has sixteen registers: twelve chains of eight lanes, so four times the steps for the same number of operations.
#define LMK_SHORT_LOOP(name, vector, zero, one_step) LMK_LOOP(name, vector, 12, 4, zero, one_step)

LMK_BEGIN_VNNI
LMK_LONG_LOOP(floats_avx512, __m512, _mm512_setzero_ps(), sum[i] = _mm512_fmadd_ps(sum[i], sum[i], sum[i]))
LMK_LONG_LOOP(
    pairs_avx512, __m512, _mm512_setzero_ps(), sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)sum[i], (__m512bh)sum[i]))
LMK_LONG_LOOP(bytes_avx512, __m512i, _mm512_setzero_si512(), sum[i] = _mm512_dpbusd_epi32(sum[i], sum[i], sum[i]))
LMK_END_SET

LMK_BEGIN_AMX
// Four independent sums hide the latency of AMX. Its operands are loaded from memory: with registers that were only
// zeroed, it sustained a rate in measurements that real products never reach.
static __attribute__((noinline)) void amx(bool multiplies_bytes, long steps) {
  _Alignas(64) uint16_t operand[LMK_AMX_SIDE][2 * LMK_AMX_SIDE];
  for (int i = 0; i < LMK_AMX_SIDE; i++)
    for (int j = 0; j < 2 * LMK_AMX_SIDE; j++) operand[i][j] = (uint16_t)(0x3F00 + 37 * i + j);
  lmk_amx_begin();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, operand, sizeof operand[0]);
  _tile_loadd(5, operand, sizeof operand[0]);
  _tile_loadd(6, operand, sizeof operand[0]);
  _tile_loadd(7, operand, sizeof operand[0]);
  for (long s = 0; s < steps; s++) {
    if (multiplies_bytes) {
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    } else {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  lmk_amx_end();
}
LMK_END_SET

LMK_BEGIN_AVX2
LMK_SHORT_LOOP(floats_avx2, __m256, _mm256_setzero_ps(), sum[i] = _mm256_fmadd_ps(sum[i], sum[i], sum[i]))
// As the micro-kernel has it: the products of two words of depth, widened together.
static inline __attribute__((always_inline)) __m256i two_words(__m256i sum) {
  const __m256i first = _mm256_maddubs_epi16(sum, sum), second = _mm256_maddubs_epi16(sum, _mm256_set1_epi8(3));
  return _mm256_add_epi32(_mm256_madd_epi16(_mm256_add_epi16(first, second), _mm256_set1_epi16(1)), sum);
}
LMK_SHORT_LOOP(bytes_avx2, __m256i, _mm256_setzero_si256(), sum[i] = two_words(sum[i]))
LMK_END_SET

LMK_BEGIN_AVXVNNI
LMK_SHORT_LOOP(
    bytes_avxvnni, __m256i, _mm256_setzero_si256(), sum[i] = _mm256_dpbusd_avx_epi32(sum[i], sum[i], sum[i]))
LMK_END_SET
#endif

double lmk_multiply_add_loop(int arithmetic, long steps) {
#if defined(__x86_64__)
  const double flops = 2.0 * floats_a_vector * chains * (double)steps;
  if (lmk_is_on_amx(arithmetic) && lmk_instruction_set() >= LMK_AMX) {
    const bool multiplies_bytes = lmk_is_int8(arithmetic);
    amx(multiplies_bytes, steps);
    return 4.0 * 2 * LMK_AMX_SIDE * LMK_AMX_SIDE * (multiplies_bytes ? 4 : 2) * LMK_AMX_SIDE * (double)steps;
  }
  if (lmk_is_int8(arithmetic) && arithmetic == lmk_int8_product()) {
    if (arithmetic == LMK_PRODUCT_INT8_AVX2) {
      bytes_avx2(steps);
      return 8 * flops;
    }
    if (arithmetic == LMK_PRODUCT_INT8)
      bytes_avx512(steps);
    else
      bytes_avxvnni(steps);
    return 4 * flops;
  }
  if (arithmetic == LMK_PRODUCT_PAIRS && lmk_instruction_set() >= LMK_AVX512BF16) {
    pairs_avx512(steps);
    return 2 * flops;
  }
  if (lmk_instruction_set() >= LMK_AVX512) {
    floats_avx512(steps);
    return flops;
  }
  if (lmk_instruction_set() == LMK_AVX2) {
    floats_avx2(steps);
    return flops;
  }
#endif
  (void)arithmetic;
  return portable_loop(steps);
}
