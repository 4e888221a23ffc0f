// Weights of the scores of one chunk of keys (attention_rows.h), with AVX-512.
#include "attention_rows.h"

#if defined(__x86_64__)
#include <math.h>

#include "instructions.h"

LMK_BEGIN_AVX512BF16

enum { lanes = 16 };

// 2^x for x <= 0, relative error below 2e-7, for weights that are rounded to bfloat16 below 3e-6; 0 below -150.
// Coefficients: iteratively reweighted least-squares fits, close to minimax.
static inline __attribute__((always_inline)) __m512 power_of_two(int is_rounded, __m512 x) {
  // In this order NaN stays NaN.
  const __m512 above = _mm512_max_ps(_mm512_set1_ps(-200), x);
  const __m512 whole = _mm512_roundscale_ps(above, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(above, whole);
  // 2^r, |r| <= 1/2
  __m512 p;
  if (is_rounded) {
    p = _mm512_fmadd_ps(_mm512_set1_ps(9.58285282e-3f), r, _mm512_set1_ps(5.59064278e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40240986e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93124193e-1f));
  } else {
    p = _mm512_fmadd_ps(_mm512_set1_ps(1.32647266e-3f), r, _mm512_set1_ps(9.67151296e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55073375e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40222421e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93146978e-1f));
  }
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  return _mm512_scalef_ps(p, whole);
}

// Fills the row up to a multiple of 32, and returns the largest score; NaN are passed over.
static inline float largest_of(float *scores, long count) {
  for (; count % (2 * lanes) != 0; count++) scores[count] = -INFINITY;
  __m512 left = _mm512_load_ps(scores), right = _mm512_load_ps(scores + lanes);
  for (long i = 2 * lanes; i < count; i += 2 * lanes) {
    left = _mm512_max_ps(_mm512_load_ps(scores + i), left);
    right = _mm512_max_ps(_mm512_load_ps(scores + i + lanes), right);
  }
  return _mm512_reduce_max_ps(_mm512_max_ps(left, right));
}

// Replaces the scores of a row by 2^(scale · score - shift), as floats or as pairs of bfloat16 from the same address
// on. Returns their sum.
static inline __attribute__((always_inline)) float weigh(
    int in_pairs, float *scores, long count, float scale, float shift) {
  const __m512 factor = _mm512_set1_ps(scale), down = _mm512_set1_ps(-shift);
  __m512 left_sum = _mm512_setzero_ps(), right_sum = left_sum;
  for (long i = 0; i < count; i += 2 * lanes) {
    const __m512 left = power_of_two(in_pairs, _mm512_fmadd_ps(_mm512_load_ps(scores + i), factor, down));
    const __m512 right = power_of_two(in_pairs, _mm512_fmadd_ps(_mm512_load_ps(scores + i + lanes), factor, down));
    left_sum = _mm512_add_ps(left_sum, left);
    right_sum = _mm512_add_ps(right_sum, right);
    if (in_pairs) {
      _mm512_store_si512((uint16_t *)scores + i, (__m512i)_mm512_cvtne2ps_pbh(right, left));
    } else {
      _mm512_store_ps(scores + i, left);
      _mm512_store_ps(scores + i + lanes, right);
    }
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(left_sum, right_sum));
}

void lmk_weigh_chunk_avx512(
    const struct lmk_attention *p, long queries, long keys, float *scores, struct lmk_score_rows *row) {
  const float scale = p->scale * (float)M_LOG2E;
  // Loops of their own, so that reductions of one row overlap with the next row's.
  for (long r = 0; r < queries; r++) {
    const float largest = scale * largest_of(scores + r * LMK_ROW_WORDS, keys);
    row->shift[r] = largest > row->largest[r] ? largest : row->largest[r];
  }
  for (long r = 0; r < queries; r += lanes) {
    const __m512 shift = _mm512_load_ps(row->shift + r);
    _mm512_store_ps(row->factor + r, power_of_two(0, _mm512_sub_ps(_mm512_load_ps(row->largest + r), shift)));
    _mm512_store_ps(row->largest + r, shift);
  }
  for (long r = 0; r < queries; r++) {
    float *here = scores + r * LMK_ROW_WORDS;
    const float sum = p->arithmetic == LMK_PRODUCT_PAIRS ? weigh(1, here, keys, scale, row->shift[r])
                                                         : weigh(0, here, keys, scale, row->shift[r]);
    row->sum[r] = row->sum[r] * row->factor[r] + sum;
  }
}

LMK_END_SET
#endif
