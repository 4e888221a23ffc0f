// Weights of the scores of one chunk of keys (attention_rows.h), with AVX2.
#include "attention_rows.h"

#if defined(__x86_64__)
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "instructions.h"

LMK_BEGIN_AVX2

enum { lanes = 8 };
#define REDUCES _Pragma("clang fp reassociate(on) contract(fast)")
#define FUSES _Pragma("clang fp contract(fast)")
#define VECTORS _Pragma("clang loop vectorize_width(8) interleave_count(2)")

// 2^x for x <= 0, relative error below 2e-7; 0 below -126. Coefficients as with AVX-512.
static inline __attribute__((always_inline)) float power_of_two(float x) {
  FUSES
  const float above = x < -126.0f ? -126.0f : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const float shifted = above + magic;
  const float r = above - (shifted - magic);
  float p = 1.32647266e-3f;
  p = p * r + 9.67151296e-3f;
  p = p * r + 5.55073375e-2f;
  p = p * r + 2.40222421e-1f;
  p = p * r + 6.93146978e-1f;
  p = p * r + 1.0f;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  const uint32_t exponent = (bits - 0x4B400000u + 127u) << 23;
  float scale;
  memcpy(&scale, &exponent, sizeof scale);
  return x < -126.0f ? 0.0f : p * scale;
}

// Fills the row up to a multiple of 16, and returns the largest score; NaN are passed over.
static inline float largest_of(float *scores, long count) {
  typedef float eight __attribute__((ext_vector_type(lanes)));
  for (; count % (2 * lanes) != 0; count++) scores[count] = -INFINITY;
  eight left = *(const eight *)scores, right = *(const eight *)(scores + lanes);
  for (long i = 2 * lanes; i < count; i += 2 * lanes) {
    const eight next = *(const eight *)(scores + i), after = *(const eight *)(scores + i + lanes);
    left = next > left ? next : left;
    right = after > right ? after : right;
  }
  left = right > left ? right : left;
  float largest = left[0];
  for (int i = 1; i < lanes; i++) largest = left[i] > largest ? left[i] : largest;
  return largest;
}

// Replaces the scores of a row by 2^(scale · score - shift). Returns their sum.
static inline float weigh(float *restrict scores, long count, float scale, float shift) {
  float sum = 0;
  const long end = (count + 2 * lanes - 1) / (2 * lanes) * (2 * lanes);
  VECTORS for (long i = 0; i < end; i++) {
    REDUCES
    const float weight = power_of_two(scores[i] * scale - shift);
    scores[i] = weight;
    sum += weight;
  }
  return sum;
}

void lmk_weigh_chunk_avx2(
    const struct lmk_attention *p, long queries, long keys, float *scores, struct lmk_score_rows *row) {
  const float scale = p->scale * (float)M_LOG2E;
  // A loop of its own, so that reductions of one row overlap with the next row's.
  for (long r = 0; r < queries; r++) {
    const float largest = scale * largest_of(scores + r * LMK_ROW_WORDS, keys);
    row->shift[r] = largest > row->largest[r] ? largest : row->largest[r];
  }
  for (long r = 0; r < queries; r++) {
    row->factor[r] = power_of_two(row->largest[r] - row->shift[r]);
    row->largest[r] = row->shift[r];
    row->sum[r] = row->sum[r] * row->factor[r] + weigh(scores + r * LMK_ROW_WORDS, keys, scale, row->shift[r]);
  }
}

LMK_END_SET
#endif
