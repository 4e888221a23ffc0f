// Intrinsics, and which instructions a part of a file may use: LMK_BEGIN_… before its functions, LMK_END_SET behind.
#ifndef LMK_INSTRUCTIONS_H
#define LMK_INSTRUCTIONS_H

#if defined(__x86_64__)
#define LMK_PRAGMA(text) _Pragma(#text)
#define LMK_BEGIN_SET(features) \
  LMK_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define LMK_END_SET _Pragma("clang attribute pop")
#define LMK_BEGIN_AVX2 LMK_BEGIN_SET("avx2,fma")

#if defined(LMK_SIMULATED)
// What tests build, to run the code for other machines on any that has AVX2 (Tests/Simulated).
#include <lmk_simulated.h>
#define LMK_BEGIN_AVX512 LMK_BEGIN_AVX2
#define LMK_BEGIN_AVX512BF16 LMK_BEGIN_AVX2
#define LMK_BEGIN_VNNI LMK_BEGIN_AVX2
#define LMK_BEGIN_AMX LMK_BEGIN_AVX2
#define LMK_BEGIN_AVXVNNI LMK_BEGIN_AVX2
#define LMK_KEEP(vector) __asm__ volatile("" : "+m"(vector))
#else
#include <immintrin.h>
#define LMK_BEGIN_AVX512 LMK_BEGIN_SET("avx512f,avx512bw,avx512vl,avx512dq,fma")
#define LMK_BEGIN_AVX512BF16 LMK_BEGIN_SET("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#define LMK_BEGIN_VNNI LMK_BEGIN_SET("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,fma")
#define LMK_BEGIN_AVXVNNI LMK_BEGIN_SET("avx2,fma,avxvnni")
#define LMK_BEGIN_AMX LMK_BEGIN_SET("avx512f,amx-tile,amx-bf16,amx-int8")
/// Makes the compiler take the vector's value for unknown.
#define LMK_KEEP(vector) __asm__ volatile("" : "+v"(vector))
#endif
#endif
#endif
