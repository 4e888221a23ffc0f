#include <stdatomic.h>

#include "CKernels.h"

static _Atomic int chosen = -1;

int lmk_best_instruction_set(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    return __builtin_cpu_supports("avx512bf16") ? LMK_AVX512BF16 : LMK_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return LMK_AVX2;
#endif
  return LMK_PORTABLE;
}

int lmk_instruction_set(void) {
  int set = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (set < 0) {
    set = lmk_best_instruction_set();
    atomic_store_explicit(&chosen, set, memory_order_relaxed);
  }
  return set;
}

int lmk_set_instruction_set(int set) {
  if (set < LMK_PORTABLE || set > lmk_best_instruction_set()) return 0;
  atomic_store_explicit(&chosen, set, memory_order_relaxed);
  return 1;
}

static _Atomic int pairs = -1;

int lmk_multiplies_pairs(void) {
  int answer = atomic_load_explicit(&pairs, memory_order_relaxed);
  if (answer >= 0) return answer;
#if defined(__x86_64__)
  __builtin_cpu_init();
  answer = __builtin_cpu_supports("avx512bf16") && !__builtin_cpu_is("intel");
#else
  answer = 0;
#endif
  atomic_store_explicit(&pairs, answer, memory_order_relaxed);
  return answer;
}

void lmk_set_multiplies_pairs(int answer) { atomic_store_explicit(&pairs, answer, memory_order_relaxed); }
