// From scores to weights: the part of attention between its two products.
#ifndef LMK_ATTENTION_ROWS_H
#define LMK_ATTENTION_ROWS_H
#include "lmk_attention.h"

/// The most queries whose scores are computed together: enough to amortise reading the keys and values from L2.
enum { LMK_SCORE_ROWS = 4 * LMK_TILE_ROWS, LMK_PADDED_SCORE_ROWS = (LMK_SCORE_ROWS + 15) / 16 * 16 };

/// What is kept of each query of a block between chunks of keys, scores in units of log 2.
struct lmk_score_rows {
  _Alignas(64) float largest[LMK_PADDED_SCORE_ROWS], shift[LMK_PADDED_SCORE_ROWS];
  _Alignas(64) float factor[LMK_PADDED_SCORE_ROWS], sum[LMK_PADDED_SCORE_ROWS];
};

/// Turns the scores of a chunk of keys, rows LMK_ROW_WORDS apart, into weights relative to the largest score so far,
/// and says by what the sums of earlier chunks are to be multiplied.
void lmk_weigh_chunk_avx512(
    const struct lmk_attention *attention, long queries, long keys, float *scores, struct lmk_score_rows *rows);
/// The same for LMK_PRODUCT_AVX2.
void lmk_weigh_chunk_avx2(
    const struct lmk_attention *attention, long queries, long keys, float *scores, struct lmk_score_rows *rows);
#endif
