// Attention of one head (lmk_attention.h): products of packed blocks around a softmax over one chunk of keys at a time.
#include "lmk_attention.h"

#if defined(__x86_64__)
#include <float.h>
#include <math.h>

#include "attention_rows.h"
#include "product_epilogue.h"
#include "product_lanes.h"

enum { keys_together = LMK_DEPTH_WORDS };

// Queries whose scores are computed together, in whole tiles.
static long queries_together(const struct lmk_attention *p) {
  const long tile = lmk_tile_rows(p->arithmetic);
  return LMK_SCORE_ROWS / tile * tile;
}

static long panels_of(const struct lmk_attention *p) {
  const long columns = lmk_tile_columns(p->arithmetic);
  return (p->width + columns - 1) / columns;
}

long lmk_attention_scratch(long width) {
  // Packed queries, scores, sums.
  return LMK_SCORE_ROWS * (2 * LMK_ROW_WORDS + (width + LMK_TILE_COLUMNS - 1) / LMK_TILE_COLUMNS * LMK_TILE_COLUMNS);
}

static long tiles_of(const struct lmk_attention *p, long queries) {
  const long tile = lmk_tile_rows(p->arithmetic);
  return (queries + tile - 1) / tile;
}

// Multiplies the sums [panels][tiles][lmk_tile_rows][lmk_tile_columns] of each query by its factor.
static void scale_sums(const struct lmk_attention *p, float *sums, long queries, const float *factor) {
  const long rows = tiles_of(p, queries) * lmk_tile_rows(p->arithmetic), columns = lmk_tile_columns(p->arithmetic);
  for (long r = 0; r < queries; r++) {
    if (factor[r] == 1) continue;
    for (long panel = 0; panel < panels_of(p); panel++) {
      float *row = sums + (panel * rows + r) * columns;
      for (long j = 0; j < columns; j++) row[j] *= factor[r];
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
      .b = p->k + key / lmk_tile_columns(p->arithmetic) * p->k_panel_stride,
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
      .b = p->v + lmk_b_words(p->arithmetic, key) * lmk_tile_columns(p->arithmetic),
      .panel_stride = p->v_panel_stride,
      .sums = sums,
  };
  lmk_product_block(&block);
}

// Divides the sums by those of the weights and stores them.
static void finish(const struct lmk_attention *p, long query, long queries, float *sums, struct lmk_score_rows *row) {
  const long rows = tiles_of(p, queries) * lmk_tile_rows(p->arithmetic), columns = lmk_tile_columns(p->arithmetic);
  for (long r = 0; r < queries; r++) {
    row->factor[r] = 1 / row->sum[r];
    p->log_sum_exp[query + r] = (float)M_LN2 * row->largest[r] + logf(row->sum[r]);
  }
  scale_sums(p, sums, queries, row->factor);
  const long size = p->output_type == LMK_FLOAT32 ? 4 : 2;
  const struct lmk_epilogue epilogue = {
      .kind = LMK_STORE,
      .alpha = 1,
      .c = (char *)p->output + query * p->output_stride * size,
      .stride = p->output_stride,
      .type = p->output_type,
  };
  for (long panel = 0; panel < panels_of(p); panel++) {
    const struct lmk_sums all = {
        sums + panel * rows * columns, 0, queries, panel * columns,
        least(p->width - panel * columns, columns)};
    lmk_store_sums(p->arithmetic, &epilogue, &all);
  }
}

static void weigh_chunk(
    const struct lmk_attention *p, long queries, long keys, float *scores, struct lmk_score_rows *row) {
  if (p->arithmetic == LMK_PRODUCT_AVX2)
    lmk_weigh_chunk_avx2(p, queries, keys, scores, row);
  else
    lmk_weigh_chunk_avx512(p, queries, keys, scores, row);
}

void lmk_attention(const struct lmk_attention *p) {
  uint32_t *q = (uint32_t *)p->scratch;
  float *scores = p->scratch + LMK_SCORE_ROWS * LMK_ROW_WORDS, *sums = scores + LMK_SCORE_ROWS * LMK_ROW_WORDS;
  const long together = queries_together(p);
  struct lmk_score_rows row;
  for (long query = 0; query < p->queries; query += together) {
    const long queries = least(p->queries - query, together);
    lmk_pack_a(p->arithmetic, &p->q, query, queries, 0, p->width, q);
    for (long r = 0; r < LMK_PADDED_SCORE_ROWS; r++) {
      row.largest[r] = row.shift[r] = -FLT_MAX;
      row.sum[r] = 0;
    }
    for (long key = 0; key < p->keys; key += keys_together) {
      const long keys = least(p->keys - key, keys_together);
      score(p, query, queries, key, keys, q, scores);
      weigh_chunk(p, queries, keys, scores, &row);
      if (key > 0) scale_sums(p, sums, queries, row.factor);
      mix(p, queries, key, keys, scores, sums);
    }
    finish(p, query, queries, sums, &row);
  }
}
#endif
