// Helpers for vectors of sixteen 32-bit lanes.
#ifndef LMK_PRODUCT_LANES_H
#define LMK_PRODUCT_LANES_H

#include <immintrin.h>

static inline __attribute__((unused)) long least(long a, long b) { return a < b ? a : b; }

// A mask of the first `count` of sixteen lanes.
static inline __attribute__((unused)) __mmask16 first_lanes(long count) {
  return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

#endif
