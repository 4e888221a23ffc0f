// The product of packed blocks (lmk_product.h): a tile of c stays in registers while the depth passes by.
#include "lmk_product.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#include "product_epilogue.h"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)

enum { tile_size = LMK_TILE_ROWS * LMK_TILE_COLUMNS };
#define UNROLLED _Pragma("clang loop unroll(full)")

static inline __attribute__((always_inline)) __m512 multiply_add(bool in_pairs, __m512i a, __m512i b, __m512 sum) {
  if (in_pairs) return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}

// One step in depth. Rows of a are `row` words apart: a constant, so that one register addresses all of them.
static inline __attribute__((always_inline)) void step(
    bool in_pairs, long row, const uint32_t *a, const uint32_t *b, __m512 c[LMK_TILE_ROWS][2]) {
  const __m512i left = _mm512_load_si512(b), right = _mm512_load_si512(b + 16);
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) {
    const __m512i value = _mm512_set1_epi32((int)a[i * row]);
    c[i][0] = multiply_add(in_pairs, value, left, c[i][0]);
    c[i][1] = multiply_add(in_pairs, value, right, c[i][1]);
  }
}

// `ahead`: what is brought near meanwhile, a line every few steps.
static inline __attribute__((always_inline)) void tile(
    bool in_pairs, bool by_rows, bool starts, long words, const uint32_t *a, const uint32_t *b, float *sums,
    const char *ahead) {
  const long row = by_rows ? LMK_ROW_WORDS : 1, next = by_rows ? 1 : LMK_TILE_ROWS;
  __m512 c[LMK_TILE_ROWS][2];
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) {
    UNROLLED for (int j = 0; j < 2; j++)
      c[i][j] = starts ? _mm512_setzero_ps() : _mm512_load_ps(sums + i * LMK_TILE_COLUMNS + 16 * j);
  }
  long k = 0;
  for (; k + 3 < words; k += 4) {
    _mm_prefetch(ahead + 16 * k, _MM_HINT_T1);
    UNROLLED for (int i = 0; i < 4; i++) step(in_pairs, row, a + i * next, b + i * LMK_TILE_COLUMNS, c);
    a += 4 * next;
    b += 4 * LMK_TILE_COLUMNS;
  }
  for (; k < words; k++, a += next, b += LMK_TILE_COLUMNS) step(in_pairs, row, a, b, c);
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) {
    UNROLLED for (int j = 0; j < 2; j++) _mm512_store_ps(sums + i * LMK_TILE_COLUMNS + 16 * j, c[i][j]);
  }
}

#define TILE(name, in_pairs, by_rows, starts)                                                                        \
  static __attribute__((noinline)) void name(                                                                        \
      long words, const uint32_t *a, const uint32_t *b, float *sums, const char *ahead) {                           \
    tile(in_pairs, by_rows, starts, words, a, b, sums, ahead);                                                       \
  }
TILE(floats_by_rows_first, false, true, true)
TILE(floats_by_rows, false, true, false)
TILE(floats_by_columns_first, false, false, true)
TILE(floats_by_columns, false, false, false)
TILE(pairs_by_rows_first, true, true, true)
TILE(pairs_by_rows, true, true, false)
TILE(pairs_by_columns_first, true, false, true)
TILE(pairs_by_columns, true, false, false)

typedef void (*tile_function)(long, const uint32_t *, const uint32_t *, float *, const char *);
static const tile_function tiles[2][2][2] = {
    {{floats_by_rows, floats_by_rows_first}, {floats_by_columns, floats_by_columns_first}},
    {{pairs_by_rows, pairs_by_rows_first}, {pairs_by_columns, pairs_by_columns_first}},
};

// Pairs [words][32] as floats [2 · words][32].
static void expand(long words, const uint32_t *pairs, float *to) {
  const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000u);
  for (long w = 0; w < words; w++, pairs += LMK_TILE_COLUMNS, to += 2 * LMK_TILE_COLUMNS) {
    for (long j = 0; j < LMK_TILE_COLUMNS; j += 16) {
      const __m512i both = _mm512_load_si512(pairs + j);
      _mm512_store_si512(to + j, _mm512_slli_epi32(both, 16));
      _mm512_store_si512(to + LMK_TILE_COLUMNS + j, _mm512_and_si512(both, upper));
    }
  }
}

static inline long least(long a, long b) { return a < b ? a : b; }

void lmk_product_block(const struct lmk_block *p) {
  const bool in_pairs = p->arithmetic == LMK_PRODUCT_PAIRS, expands = p->arithmetic == LMK_PRODUCT_ROUNDED;
  const long words = lmk_a_words(p->arithmetic, p->depth), kept = lmk_b_words(p->arithmetic, p->depth);
  const long tile_rows = (p->rows + LMK_TILE_ROWS - 1) / LMK_TILE_ROWS;
  const long a_step = p->a_is_transposed ? words * LMK_TILE_ROWS : LMK_TILE_ROWS * LMK_ROW_WORDS;
  const tile_function compute = tiles[in_pairs][p->a_is_transposed != 0][p->starts != 0];
  const bool keeps_sums = !(p->starts && p->ends);
  _Alignas(64) float here[tile_size];
  for (long column = 0, panel = 0; column < p->columns; column += LMK_TILE_COLUMNS, panel++) {
    const uint32_t *b = p->b + panel * p->panel_stride;
    // The next panel is brought near meanwhile, a part of it with each tile.
    const char *next_b = (const char *)(b + p->panel_stride);
    if (expands) {
      expand(kept, b, p->expanded);
      b = (const uint32_t *)p->expanded;
    }
    for (long t = 0; t < tile_rows; t++) {
      float *sums = keeps_sums ? p->sums + (panel * tile_rows + t) * tile_size : here;
      const long rows = least(p->rows - t * LMK_TILE_ROWS, LMK_TILE_ROWS);
      if (p->ends) lmk_bring_tile_near(&p->epilogue, t * LMK_TILE_ROWS, rows, column);
      compute(words, p->a + t * a_step, b, sums, next_b);
      next_b += 16 * words;
      if (p->ends)
        lmk_store_tile(
            &p->epilogue, sums, t * LMK_TILE_ROWS, rows, column, least(p->columns - column, LMK_TILE_COLUMNS));
    }
  }
}

#pragma clang attribute pop
#endif
