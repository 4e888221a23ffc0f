// Attention of one head (lmk_attention.h): products of packed blocks around a softmax over one chunk of keys at a time.
#include "lmk_attention.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "product_epilogue.h"
#include "product_lanes.h"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)

// Queries and keys whose scores are computed together: enough to amortise reading the keys and values from L2.
enum { queries_together = 4 * LMK_TILE_ROWS, keys_together = LMK_DEPTH_WORDS };
enum { lanes = 16, padded_queries = (queries_together + lanes - 1) / lanes * lanes };

static long panels_of(long width) { return (width + LMK_TILE_COLUMNS - 1) / LMK_TILE_COLUMNS; }

// What is kept of each query of a block between chunks of keys, scores in units of log 2.
struct rows {
  _Alignas(64) float largest[padded_queries], shift[padded_queries], factor[padded_queries], sum[padded_queries];
};

long lmk_attention_scratch(long width) {
  // Packed queries, scores, sums.
  return queries_together * (2 * LMK_ROW_WORDS + panels_of(width) * LMK_TILE_COLUMNS);
}

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

// Turns the scores of a chunk of keys into weights relative to the largest score so far, and says by what the sums of
// earlier chunks are to be multiplied.
static void weigh_chunk(const struct lmk_attention *p, long queries, long keys, float *scores, struct rows *row) {
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

// Multiplies the sums [panels][tiles][LMK_TILE_ROWS][LMK_TILE_COLUMNS] of each query by its factor.
static void scale_sums(float *sums, long panels, long queries, const float *factor) {
  const long tiles = (queries + LMK_TILE_ROWS - 1) / LMK_TILE_ROWS;
  for (long r = 0; r < queries; r++) {
    if (factor[r] == 1) continue;
    const __m512 by = _mm512_set1_ps(factor[r]);
    for (long panel = 0; panel < panels; panel++) {
      float *row = sums + (panel * tiles * LMK_TILE_ROWS + r) * LMK_TILE_COLUMNS;
      _mm512_store_ps(row, _mm512_mul_ps(_mm512_load_ps(row), by));
      _mm512_store_ps(row + lanes, _mm512_mul_ps(_mm512_load_ps(row + lanes), by));
    }
  }
}

// scores = q·kᵀ + bias for a chunk of keys.
static void score(
    const struct lmk_attention *p, long query, long queries, long key, long keys, const uint32_t *q, float *scores) {
  const struct lmk_block block = {
      .arithmetic = p->arithmetic,
      .starts = 1,
      .ends = 1,
      .rows = queries,
      .columns = keys,
      .depth = p->width,
      .a = q,
      .b = p->k + key / LMK_TILE_COLUMNS * p->k_panel_stride,
      .panel_stride = p->k_panel_stride,
      .epilogue = {
          .kind = LMK_STORE,
          .alpha = 1,
          .residual = p->bias ? p->bias + query * p->bias_stride + key : NULL,
          .residual_stride = p->bias_stride,
          .c = scores,
          .stride = LMK_ROW_WORDS,
          .type = LMK_FLOAT32,
      }};
  lmk_product_block(&block);
}

// sums += weights·v for a chunk of keys.
static void mix(const struct lmk_attention *p, long queries, long key, long keys, const float *weights, float *sums) {
  const struct lmk_block block = {
      .arithmetic = p->arithmetic,
      .starts = key == 0,
      .rows = queries,
      .columns = p->width,
      .depth = keys,
      .a = (const uint32_t *)weights,
      .b = p->v + lmk_b_words(p->arithmetic, key) * LMK_TILE_COLUMNS,
      .panel_stride = p->v_panel_stride,
      .sums = sums,
  };
  lmk_product_block(&block);
}

// Divides the sums by those of the weights and stores them.
static void finish(const struct lmk_attention *p, long query, long queries, float *sums, struct rows *row) {
  const long panels = panels_of(p->width), tiles = (queries + LMK_TILE_ROWS - 1) / LMK_TILE_ROWS;
  for (long r = 0; r < queries; r++) {
    row->factor[r] = 1 / row->sum[r];
    p->log_sum_exp[query + r] = (float)M_LN2 * row->largest[r] + logf(row->sum[r]);
  }
  scale_sums(sums, panels, queries, row->factor);
  const long size = p->output_type == LMK_FLOAT32 ? 4 : 2;
  const struct lmk_epilogue epilogue = {
      .kind = LMK_STORE,
      .alpha = 1,
      .c = (char *)p->output + query * p->output_stride * size,
      .stride = p->output_stride,
      .type = p->output_type,
  };
  for (long panel = 0; panel < panels; panel++) {
    const struct lmk_sums all = {
        sums + panel * tiles * LMK_TILE_ROWS * LMK_TILE_COLUMNS, 0, queries, panel * LMK_TILE_COLUMNS,
        least(p->width - panel * LMK_TILE_COLUMNS, LMK_TILE_COLUMNS)};
    lmk_store_sums(&epilogue, &all);
  }
}

void lmk_attention(const struct lmk_attention *p) {
  uint32_t *q = (uint32_t *)p->scratch;
  float *scores = p->scratch + queries_together * LMK_ROW_WORDS, *sums = scores + queries_together * LMK_ROW_WORDS;
  const long panels = panels_of(p->width);
  struct rows row;
  for (long query = 0; query < p->queries; query += queries_together) {
    const long queries = least(p->queries - query, queries_together);
    lmk_pack_a(p->arithmetic, &p->q, query, queries, 0, p->width, q);
    for (long r = 0; r < padded_queries; r++) {
      row.largest[r] = row.shift[r] = -FLT_MAX;
      row.sum[r] = 0;
    }
    for (long key = 0; key < p->keys; key += keys_together) {
      const long keys = least(p->keys - key, keys_together);
      score(p, query, queries, key, keys, q, scores);
      weigh_chunk(p, queries, keys, scores, &row);
      if (key > 0) scale_sums(sums, panels, queries, row.factor);
      mix(p, queries, key, keys, scores, sums);
    }
    finish(p, query, queries, sums, &row);
  }
}

#pragma clang attribute pop
#endif
