#include <stdatomic.h>

#include "CKernels.h"

static _Atomic int best = -1, chosen = -1, bfloat16_product = -1, int8_product = -1;

// Returns the cached value, calling `find` at first use.
static int remembered(_Atomic int *place, int (*find)(void)) {
  int value = atomic_load_explicit(place, memory_order_relaxed);
  if (value < 0) {
    value = find();
    atomic_store_explicit(place, value, memory_order_relaxed);
  }
  return value;
}

#if defined(LMK_SIMULATED)
static int find_best(void) { return LMK_AMX; }
static int is_intel(void) { return 0; }
static int has_vnni(void) { return 1; }
static int has_avx_vnni(void) { return 1; }
static int has_amx_int8(void) { return 1; }
#elif defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

// Whether the processor has AMX and the kernel permits this process to use it. Linux requires the request, because the
// tile registers enlarge the context saved for every thread.
static int has_amx(void) {
#if defined(__linux__)
  enum { request_permission = 0x1023, tile_data = 18, bit_tile = 1 << 24, bit_bfloat16 = 1 << 22 };
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bit_tile) || !(d & bit_bfloat16)) return 0;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return 0;
#endif
}

static int find_best(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    if (!__builtin_cpu_supports("avx512bf16")) return LMK_AVX512;
    return has_amx() ? LMK_AMX : LMK_AVX512BF16;
  }
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? LMK_AVX2 : LMK_PORTABLE;
}

static int is_intel(void) {
  __builtin_cpu_init();
  return __builtin_cpu_is("intel");
}

static int has_vnni(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vnni") != 0;
}

static int has_avx_vnni(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1 << 4);
}

static int has_amx_int8(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1 << 25);
}
#else
static int find_best(void) { return LMK_PORTABLE; }
static int is_intel(void) { return 0; }
static int has_vnni(void) { return 0; }
static int has_avx_vnni(void) { return 0; }
static int has_amx_int8(void) { return 0; }
#endif

int lmk_best_instruction_set(void) { return remembered(&best, find_best); }

int lmk_instruction_set(void) { return remembered(&chosen, lmk_best_instruction_set); }

int lmk_set_instruction_set(int set) {
  if (set < LMK_PORTABLE || set > lmk_best_instruction_set()) return 0;
  atomic_store_explicit(&bfloat16_product, -1, memory_order_relaxed);
  atomic_store_explicit(&int8_product, -1, memory_order_relaxed);
  atomic_store_explicit(&chosen, set, memory_order_relaxed);
  return 1;
}

static int fastest_bfloat16_product(void) {
  switch (lmk_instruction_set()) {
    case LMK_AMX: return LMK_PRODUCT_AMX;
    case LMK_AVX512BF16: return is_intel() ? LMK_PRODUCT_ROUNDED : LMK_PRODUCT_PAIRS;
    default: return LMK_PRODUCT_ROUNDED;
  }
}

int lmk_float32_product(void) {
  return lmk_instruction_set() >= LMK_AVX512 ? LMK_PRODUCT_FLOAT32 : LMK_PRODUCT_AVX2;
}

// Whether the instruction set in use multiplies quantised operands so.
static int has_int8_product(int arithmetic) {
  const int set = lmk_instruction_set();
  switch (arithmetic) {
    // Operands for AMX are quantised by AVX512-VNNI.
    case LMK_PRODUCT_INT8_AMX: return set >= LMK_AMX && has_amx_int8() && has_vnni();
    case LMK_PRODUCT_INT8: return set >= LMK_AVX512 && has_vnni();
    case LMK_PRODUCT_INT8_AVXVNNI: return set >= LMK_AVX2 && has_avx_vnni();
    case LMK_PRODUCT_INT8_AVX2: return set >= LMK_AVX2;
    default: return 0;
  }
}

static int fastest_int8_product(void) {
  static const int fastest_first[] = {LMK_PRODUCT_INT8_AMX, LMK_PRODUCT_INT8, LMK_PRODUCT_INT8_AVXVNNI};
  for (unsigned i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++)
    if (has_int8_product(fastest_first[i])) return fastest_first[i];
  return LMK_PRODUCT_INT8_AVX2;
}

int lmk_bfloat16_product(void) { return remembered(&bfloat16_product, fastest_bfloat16_product); }

int lmk_int8_product(void) { return remembered(&int8_product, fastest_int8_product); }

int lmk_set_bfloat16_product(int arithmetic) {
  if (arithmetic >= 0 && lmk_instruction_set() < LMK_AVX512) return 0;
  if (arithmetic == LMK_PRODUCT_AMX && lmk_instruction_set() < LMK_AMX) return 0;
  if (arithmetic == LMK_PRODUCT_PAIRS && lmk_instruction_set() < LMK_AVX512BF16) return 0;
  if (arithmetic == LMK_PRODUCT_FLOAT32 || arithmetic > LMK_PRODUCT_AMX) return 0;
  atomic_store_explicit(&bfloat16_product, arithmetic, memory_order_relaxed);
  return 1;
}

int lmk_set_int8_product(int arithmetic) {
  if (arithmetic >= 0 && !has_int8_product(arithmetic)) return 0;
  atomic_store_explicit(&int8_product, arithmetic, memory_order_relaxed);
  return 1;
}
