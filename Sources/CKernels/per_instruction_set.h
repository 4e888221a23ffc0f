// Compiles the file LMK_BODY once per instruction set. The body names its functions with LMK_NAME(operation); the
// including file calls the one for the current instruction set with LMK_DISPATCH(operation, arguments…). No include
// guard: included once per operation.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"
#include "instructions.h"

#ifndef LMK_DISPATCH
#define LMK_JOIN2(a, b) a##_##b
#define LMK_JOIN(a, b) LMK_JOIN2(a, b)
#define LMK_NAME(operation) LMK_JOIN(operation, LMK_SET)
// Inside reduction loops: lets the compiler keep one partial sum per lane and fuse multiply-adds.
#define LMK_REDUCES _Pragma("clang fp reassociate(on) contract(fast)")
#define LMK_FUSES _Pragma("clang fp contract(fast)")
// Before loops that store bfloat16: forces full vectors, because compilers overestimate the cost of the conversion.
#define LMK_WIDE _Pragma("clang loop vectorize_width(16)")
// Before elementwise loops whose output may alias an input exactly: tells the compiler that iterations are independent.
#define LMK_IN_PLACE _Pragma("clang loop vectorize(assume_safety) vectorize_width(16)")
// Call a function with its element types as compile-time constants.
#define LMK_ONE_TYPE(type, call, ...) \
  if ((type) == LMK_FLOAT32)          \
    call(__VA_ARGS__, LMK_FLOAT32);   \
  else                                \
    call(__VA_ARGS__, LMK_BFLOAT16);
#define LMK_TWO_TYPES(first, second, call, ...)     \
  if ((first) == LMK_FLOAT32) {                     \
    LMK_ONE_TYPE(second, call, __VA_ARGS__, LMK_FLOAT32)  \
  } else {                                          \
    LMK_ONE_TYPE(second, call, __VA_ARGS__, LMK_BFLOAT16) \
  }
#define LMK_THREE_TYPES(first, second, third, call, ...)         \
  if ((first) == LMK_FLOAT32) {                                  \
    LMK_TWO_TYPES(second, third, call, __VA_ARGS__, LMK_FLOAT32)  \
  } else {                                                       \
    LMK_TWO_TYPES(second, third, call, __VA_ARGS__, LMK_BFLOAT16) \
  }
#define LMK_INLINED static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define LMK_DISPATCH(operation, ...)          \
  switch (lmk_instruction_set()) {            \
    case LMK_AMX:                             \
    case LMK_AVX512BF16:                      \
      operation##_avx512bf16(__VA_ARGS__);    \
      break;                                  \
    case LMK_AVX512:                          \
      operation##_avx512(__VA_ARGS__);        \
      break;                                  \
    case LMK_AVX2:                            \
      operation##_avx2(__VA_ARGS__);          \
      break;                                  \
    default:                                  \
      operation##_portable(__VA_ARGS__);      \
  }
#else
#define LMK_DISPATCH(operation, ...) operation##_portable(__VA_ARGS__)
#endif
#endif

#define LMK_SET portable
#include "vector_math.h"
#include "bfloat16.h"
#include LMK_BODY
#undef LMK_SET

#if defined(__x86_64__)
LMK_BEGIN_AVX2
#define LMK_SET avx2
#include "vector_math.h"
#include "bfloat16.h"
#include LMK_BODY
#undef LMK_SET
LMK_END_SET

LMK_BEGIN_AVX512
#define LMK_SET avx512
#include "vector_math.h"
#include "bfloat16.h"
#include LMK_BODY
#undef LMK_SET
LMK_END_SET

LMK_BEGIN_AVX512BF16
#define LMK_SET avx512bf16
#define LMK_HAS_BFLOAT16
#include "vector_math.h"
#include "bfloat16.h"
#include LMK_BODY
#undef LMK_HAS_BFLOAT16
#undef LMK_SET
LMK_END_SET
#endif

#undef LMK_BODY
