// The product of packed blocks (lmk_product.h): loops over panels of b and tiles of a around the micro-kernels.
#include "lmk_product.h"

#if defined(__x86_64__)
#include <stdbool.h>
#include <stddef.h>

#include "product_epilogue.h"
#include "product_lanes.h"
#include "product_tile.h"

// Where the micro-kernel writes a whole tile: straight into c if this is the last part of the depth and the epilogue
// adds no more than a bias, else to the buffer of sums.
static enum lmk_destination straight_way(const struct lmk_block *p) {
  const struct lmk_epilogue *e = &p->epilogue;
  if (!p->ends || e->kind != LMK_STORE || e->alpha != 1 || e->residual || e->beta != 0) return LMK_TO_SUMS;
  if (lmk_is_on_amx(p->arithmetic) && (e->bias || e->type != LMK_FLOAT32 || lmk_is_int8(p->arithmetic)))
    return LMK_TO_SUMS;
  return e->type == LMK_FLOAT32 ? LMK_TO_FLOATS : LMK_TO_BFLOAT16;
}

static enum lmk_words words_of(const struct lmk_block *p) {
  if (lmk_is_int8(p->arithmetic)) return LMK_BYTES;
  return p->arithmetic == LMK_PRODUCT_PAIRS || p->arithmetic == LMK_PRODUCT_AMX ? LMK_PAIRS : LMK_FLOATS;
}

static lmk_tile_function whole_tile(const struct lmk_block *p, enum lmk_destination destination) {
  if (lmk_is_on_amx(p->arithmetic)) return lmk_amx_tile(words_of(p), p->starts, destination);
  if (lmk_is_on_avx2(p->arithmetic))
    return lmk_avx2_tile(p->arithmetic, !p->a_is_transposed, p->starts, destination);
  return lmk_vector_tile(words_of(p), !p->a_is_transposed, p->starts, destination);
}

static lmk_tile_function edge_tile(const struct lmk_block *p, long rows, long columns) {
  if (lmk_is_on_amx(p->arithmetic)) return lmk_amx_tile(words_of(p), p->starts, LMK_TO_SUMS);
  if (lmk_is_on_avx2(p->arithmetic)) return lmk_avx2_edge(p->arithmetic, !p->a_is_transposed, p->starts, rows);
  return lmk_vector_edge(words_of(p), !p->a_is_transposed, p->starts, rows, columns);
}

// What all tiles of a block share.
struct plan {
  const struct lmk_block *block;
  long words, most_rows, most_columns, tiles, whole_tiles, tiles_in_place, a_step, ahead_bytes;
  enum lmk_destination straight;
  lmk_tile_function compute_whole;
};

static struct plan make_plan(const struct lmk_block *p) {
  const long most_rows = lmk_tile_rows(p->arithmetic);
  const long whole_tiles = p->rows / most_rows;
  const enum lmk_destination straight = straight_way(p);
  return (struct plan){
      .block = p,
      .words = lmk_a_words(p->arithmetic, p->depth),
      .most_rows = most_rows,
      .most_columns = lmk_tile_columns(p->arithmetic),
      .tiles = (p->rows + most_rows - 1) / most_rows,
      .whole_tiles = whole_tiles,
      .tiles_in_place = p->in_place ? whole_tiles : 0,
      .a_step = lmk_a_tile_words(p->arithmetic, p->a_is_transposed, p->depth),
      .ahead_bytes = lmk_is_on_avx2(p->arithmetic) ? LMK_AVX2_AHEAD_BYTES : LMK_AHEAD_BYTES,
      .straight = straight,
      .compute_whole = whole_tile(p, straight),
  };
}

// The scales of a tile whose sums are complete; none of others.
static inline struct lmk_scales scales_at(const struct lmk_block *p, long row, long column) {
  const struct lmk_scales *q = &p->quantized;
  if (!lmk_is_int8(p->arithmetic) || !p->ends) return (struct lmk_scales){0};
  return (struct lmk_scales){q->scales + row, q->zeros + row, q->column_scales + column, q->column_sums + column};
}

// Computes `count` tiles of the rows from tile `t` on by one panel of columns. If more than one, all are whole.
//
// `here` holds their sums if they need not be carried to the next part of the depth. Returns the sums that still need
// the epilogue; rows = 0 if there are none.
static inline struct lmk_sums compute_tiles(
    const struct plan *plan, long t, long count, long panel, const uint32_t *b, const char *ahead, float *here) {
  static const float no_bias[LMK_TILE_COLUMNS];
  const struct lmk_block *p = plan->block;
  const struct lmk_epilogue *e = &p->epilogue;
  const long row = t * plan->most_rows, rows = least(p->rows - row, plan->most_rows), packed = t - plan->tiles_in_place;
  const long column = panel * plan->most_columns, columns = least(p->columns - column, plan->most_columns);
  const bool is_whole = rows == plan->most_rows && columns == plan->most_columns, keeps_sums = !(p->starts && p->ends);
  const long size = e->type == LMK_FLOAT32 ? 4 : 2;
  const struct lmk_tile first = {
      .rows = rows,
      .words = plan->words,
      .a = packed < 0 ? p->in_place + row * p->in_place_row : p->a + packed * plan->a_step,
      .a_row = packed < 0 ? p->in_place_row : LMK_ROW_WORDS,
      .b = b,
      .ahead = ahead,
      .sums = keeps_sums ? p->sums + (panel * plan->tiles + t) * plan->most_rows * plan->most_columns : here,
      .c = (char *)e->c + (row * e->stride + column) * size,
      .c_row = e->stride,
      .c_size = size,
      .bias = e->bias ? e->bias + column : no_bias,
      .quantized = scales_at(p, row, column),
  };
  const struct lmk_tiles tiles = {first, count, packed < 0 ? plan->most_rows * p->in_place_row : plan->a_step};
  struct lmk_sums sums = {first.sums, row, least(p->rows - row, count * plan->most_rows), column, columns};
  if (p->ends) lmk_prefetch_for_epilogue(e, &sums);
  (is_whole ? plan->compute_whole : edge_tile(p, rows, columns))(&tiles);
  if (!p->ends || (is_whole && plan->straight != LMK_TO_SUMS)) sums.rows = 0;
  return sums;
}

// Sums of tiles that the vector kernels compute in one call, and that go through the epilogue together: 2 KB leave a
// panel of b its place in L1.
enum { sums_together = 512, most_sums = LMK_TILE_ROWS * LMK_TILE_COLUMNS };
_Static_assert(most_sums <= sums_together, "a tile's sums fit");

// The inner loop is over tiles of a: a panel of b stays in L1.
static void compute_by_panels(const struct lmk_block *p) {
  const struct plan plan = make_plan(p);
  const long fitting = sums_together / (plan.most_rows * plan.most_columns);
  _Alignas(64) float here[sums_together];
  for (long panel = 0; panel * plan.most_columns < p->columns; panel++) {
    const uint32_t *b = p->b + panel * p->panel_stride;
    // What goes straight into c, whole panels alone, needs no sums.
    const bool is_straight = plan.straight != LMK_TO_SUMS && (panel + 1) * plan.most_columns <= p->columns;
    const long together = is_straight ? plan.tiles : fitting;
    // Each tile prefetches a part of the next panel.
    const char *next_b = (const char *)(b + p->panel_stride);
    if (p->arithmetic == LMK_PRODUCT_ROUNDED) {
      lmk_expand_pairs(plan.words / 2, b, p->expanded);
      b = (const uint32_t *)p->expanded;
    }
    for (long t = 0, count; t < plan.tiles; t += count, next_b += count * plan.ahead_bytes * plan.words) {
      count = t < plan.whole_tiles ? least(plan.whole_tiles - t, together) : 1;
      const struct lmk_sums sums = compute_tiles(&plan, t, count, panel, b, next_b, here);
      if (sums.rows > 0) lmk_store_sums(p->arithmetic, &p->epilogue, &sums);
    }
  }
}

// The inner loop is over panels of b: rows of a stay in L1 and c is written along its rows. AMX is so fast that
// scattered stores, 32 columns in each of many rows, would stall it. The epilogue runs over eight tiles at once, which
// measured a little faster than tile by tile.
enum { panels_together = 8 };

static void compute_by_rows(const struct lmk_block *p) {
  const struct plan plan = make_plan(p);
  const long panels = (p->columns + LMK_TILE_COLUMNS - 1) / LMK_TILE_COLUMNS;
  _Alignas(64) float here[panels_together][LMK_AMX_TILE_ROWS * LMK_TILE_COLUMNS];
  struct lmk_sums sums[panels_together];
  lmk_amx_begin();
  for (long t = 0; t < plan.tiles; t++) {
    for (long first = 0; first < panels; first += panels_together) {
      const long count = least(panels - first, panels_together);
      for (long i = 0; i < count; i++) {
        const long panel = first + i;
        sums[i] = compute_tiles(&plan, t, 1, panel, p->b + panel * p->panel_stride, NULL, here[i]);
      }
      for (long i = 0; i < count; i++) {
        if (sums[i].rows == 0) continue;
        if (lmk_is_int8(p->arithmetic)) {
          const struct lmk_scales scales = scales_at(p, sums[i].row, sums[i].column);
          lmk_dequantize_sums(&scales, sums[i].rows, sums[i].sums);
        }
        lmk_store_sums(p->arithmetic, &p->epilogue, &sums[i]);
      }
    }
  }
  lmk_amx_end();
}

void lmk_product_block(const struct lmk_block *p) {
  if (lmk_is_on_amx(p->arithmetic))
    compute_by_rows(p);
  else
    compute_by_panels(p);
}
#endif
