// The most a core can multiply and add: a loop that lives in registers.
#include "CKernels.h"

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
#include <immintrin.h>

// Twenty-four independent chains hide the latency; the barrier keeps the compiler from seeing that nothing changes.
#define LMK_LOOP(name, vector, zero, one_step, targets)                        \
  __attribute__((target(targets), noinline)) static void name(long steps) {    \
    vector sum[chains];                                                        \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < chains; i++) sum[i] = zero; \
    for (long s = 0; s < steps; s++) {                                         \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < chains; i++) {    \
        one_step;                                                              \
        __asm__ volatile("" : "+v"(sum[i]));                                   \
      }                                                                        \
    }                                                                          \
  }
LMK_LOOP(
    floats_avx512, __m512, _mm512_setzero_ps(), sum[i] = _mm512_fmadd_ps(sum[i], sum[i], sum[i]),
    "avx512f,avx512bw,avx512vl,avx512dq,fma")
LMK_LOOP(
    pairs_avx512, __m512, _mm512_setzero_ps(), sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)sum[i], (__m512bh)sum[i]),
    "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")

// Sixteen registers there are: twelve chains in each of two halves.
__attribute__((target("avx2,fma"), noinline)) static void floats_avx2(long steps) {
  __m256 sum[12];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_ps();
  for (long s = 0; s < 4 * steps; s++) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) {
      sum[i] = _mm256_fmadd_ps(sum[i], sum[i], sum[i]);
      __asm__ volatile("" : "+v"(sum[i]));
    }
  }
}
#endif

double lmk_multiply_add_loop(int in_pairs, long steps) {
#if defined(__x86_64__)
  const double flops = 2.0 * floats_a_vector * chains * (double)steps;
  if (in_pairs && lmk_best_instruction_set() == LMK_AVX512BF16) {
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
  (void)in_pairs;
  return portable_loop(steps);
}
