// The product of packed blocks (lmk_product.h): a tile of c stays in registers while the depth passes by.
#include "lmk_product.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#include "product_epilogue.h"
#include "product_lanes.h"
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)

enum { tile_size = LMK_TILE_ROWS * LMK_TILE_COLUMNS };
#define UNROLLED _Pragma("clang loop unroll(full)")

static inline __attribute__((always_inline)) __m512 multiply_add(bool in_pairs, __m512i a, __m512i b, __m512 sum) {
  if (in_pairs) return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}

// Where a tile of c goes: to a buffer of sums, or, where nothing but a bias is added, straight into c.
enum destination { to_sums, to_floats, to_bfloat16, destinations };

// What one tile is computed from and where it goes.
struct tile {
  long words;
  const uint32_t *a;
  long a_row;  // words from one row of a to the next; of no meaning for a packed by columns
  const uint32_t *b;
  const char *ahead;  // brought near meanwhile, a line every few steps
  float *sums;
  void *c;
  long c_row;         // elements
  const float *bias;  // 32 of them
};

// Rows of a that one register addresses: by an offset of none, one or two times the distance between them.
enum { rows_together = 3, row_groups = (LMK_TILE_ROWS + rows_together - 1) / rows_together };

// One step in depth.
static inline __attribute__((always_inline)) void step(
    bool in_pairs, bool by_rows, long row, long k, const uint32_t *const a[row_groups], const uint32_t *b,
    __m512 c[LMK_TILE_ROWS][2]) {
  const __m512i left = _mm512_load_si512(b), right = _mm512_load_si512(b + 16);
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) {
    const uint32_t *word = by_rows ? &a[i / rows_together][i % rows_together * row + k] : &a[0][i + k];
    const __m512i value = _mm512_set1_epi32((int)*word);
    c[i][0] = multiply_add(in_pairs, value, left, c[i][0]);
    c[i][1] = multiply_add(in_pairs, value, right, c[i][1]);
  }
}

static inline __attribute__((always_inline)) void store_row(
    enum destination destination, const struct tile *t, long i, __m512 left, __m512 right) {
  if (destination == to_sums) {
    _mm512_store_ps(t->sums + i * LMK_TILE_COLUMNS, left);
    _mm512_store_ps(t->sums + i * LMK_TILE_COLUMNS + 16, right);
    return;
  }
  left = _mm512_add_ps(left, _mm512_loadu_ps(t->bias));
  right = _mm512_add_ps(right, _mm512_loadu_ps(t->bias + 16));
  if (destination == to_floats) {
    _mm512_storeu_ps((float *)t->c + i * t->c_row, left);
    _mm512_storeu_ps((float *)t->c + i * t->c_row + 16, right);
  } else {
    _mm512_storeu_si512((uint16_t *)t->c + i * t->c_row, (__m512i)_mm512_cvtne2ps_pbh(right, left));
  }
}

static inline __attribute__((always_inline)) void compute_tile(
    bool in_pairs, bool by_rows, bool starts, enum destination destination, const struct tile *t) {
  long row = t->a_row;
  const long next = by_rows ? 1 : LMK_TILE_ROWS, words = t->words;
  const uint32_t *a[row_groups], *b = t->b;
  const char *ahead = t->ahead;
  UNROLLED for (int g = 0; g < row_groups; g++) {
    a[g] = by_rows ? t->a + g * rows_together * row : t->a;
  }
  __m512 c[LMK_TILE_ROWS][2];
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) {
    UNROLLED for (int j = 0; j < 2; j++)
      c[i][j] = starts ? _mm512_setzero_ps() : _mm512_load_ps(t->sums + i * LMK_TILE_COLUMNS + 16 * j);
  }
  long k = 0;
  for (; k + 3 < words; k += 4) {
    _mm_prefetch(ahead + 16 * k, _MM_HINT_T1);
    // Registers for these, and for nothing that could be computed from them: there are not enough for all rows' addresses.
    if (by_rows) __asm__("" : "+r"(row), "+r"(a[0]), "+r"(a[1]), "+r"(a[2]), "+r"(a[3]), "+r"(a[4]));
    UNROLLED for (int i = 0; i < 4; i++) step(in_pairs, by_rows, row, i * next, a, b + i * LMK_TILE_COLUMNS, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += 4 * next;
    b += 4 * LMK_TILE_COLUMNS;
  }
  for (; k < words; k++, b += LMK_TILE_COLUMNS) {
    step(in_pairs, by_rows, row, 0, a, b, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += next;
  }
  UNROLLED for (int i = 0; i < LMK_TILE_ROWS; i++) store_row(destination, t, i, c[i][0], c[i][1]);
}

typedef void (*tile_function)(const struct tile *);
#define TILE(name, in_pairs, by_rows, starts, destination)                  \
  static __attribute__((noinline)) void name##_##destination(const struct tile *t) { \
    compute_tile(in_pairs, by_rows, starts, destination, t);                \
  }
#define TILES(name, in_pairs, by_rows, starts)        \
  TILE(name, in_pairs, by_rows, starts, to_sums)      \
  TILE(name, in_pairs, by_rows, starts, to_floats)    \
  TILE(name, in_pairs, by_rows, starts, to_bfloat16)
TILES(floats_by_rows_first, false, true, true)
TILES(floats_by_rows, false, true, false)
TILES(floats_by_columns_first, false, false, true)
TILES(floats_by_columns, false, false, false)
TILES(pairs_by_rows_first, true, true, true)
TILES(pairs_by_rows, true, true, false)
TILES(pairs_by_columns_first, true, false, true)
TILES(pairs_by_columns, true, false, false)

#define DESTINATIONS(name) {name##_to_sums, name##_to_floats, name##_to_bfloat16}
static const tile_function tiles[2][2][2][destinations] = {
    {{DESTINATIONS(floats_by_columns), DESTINATIONS(floats_by_columns_first)},
     {DESTINATIONS(floats_by_rows), DESTINATIONS(floats_by_rows_first)}},
    {{DESTINATIONS(pairs_by_columns), DESTINATIONS(pairs_by_columns_first)},
     {DESTINATIONS(pairs_by_rows), DESTINATIONS(pairs_by_rows_first)}},
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

// The way of a whole tile whose sums are done; of others, sums are stored first.
static enum destination destination_of(const struct lmk_epilogue *e) {
  if (e->kind != LMK_STORE || e->scale != 1 || e->residual || e->keep != 0) return to_sums;
  return e->type == LMK_FLOAT32 ? to_floats : to_bfloat16;
}

void lmk_product_block(const struct lmk_block *p) {
  static const float no_bias[LMK_TILE_COLUMNS];
  const bool expands = p->arithmetic == LMK_PRODUCT_ROUNDED;
  const long words = lmk_a_words(p->arithmetic, p->depth), kept = lmk_b_words(p->arithmetic, p->depth);
  const long tile_rows = (p->rows + LMK_TILE_ROWS - 1) / LMK_TILE_ROWS;
  const long whole_rows = p->in_place ? p->rows / LMK_TILE_ROWS : 0;
  const long a_step = lmk_a_tile_words(p->arithmetic, p->a_is_transposed, p->depth);
  const tile_function *compute = tiles[p->arithmetic == LMK_PRODUCT_PAIRS][!p->a_is_transposed][p->starts != 0];
  const bool keeps_sums = !(p->starts && p->ends);
  const enum destination straight = p->ends ? destination_of(&p->epilogue) : to_sums;
  const struct lmk_epilogue *e = &p->epilogue;
  _Alignas(64) float here[tile_size];
  for (long column = 0, panel = 0; column < p->columns; column += LMK_TILE_COLUMNS, panel++) {
    const uint32_t *b = p->b + panel * p->panel_stride;
    // The next panel is brought near meanwhile, a part of it with each tile.
    const char *next_b = (const char *)(b + p->panel_stride);
    if (expands) {
      expand(kept, b, p->expanded);
      b = (const uint32_t *)p->expanded;
    }
    const long columns = least(p->columns - column, LMK_TILE_COLUMNS);
    for (long t = 0; t < tile_rows; t++, next_b += 16 * words) {
      const long row = t * LMK_TILE_ROWS, rows = least(p->rows - row, LMK_TILE_ROWS);
      const bool is_whole = rows == LMK_TILE_ROWS && columns == LMK_TILE_COLUMNS;
      const struct tile tile = {
          .words = words,
          .a = t < whole_rows ? p->in_place + row * p->in_place_row : p->a + (t - whole_rows) * a_step,
          .a_row = t < whole_rows ? p->in_place_row : LMK_ROW_WORDS,
          .b = b,
          .ahead = next_b,
          .sums = keeps_sums ? p->sums + (panel * tile_rows + t) * tile_size : here,
          .c = (char *)e->c + (row * e->stride + column) * (e->type == LMK_FLOAT32 ? 4 : 2),
          .c_row = e->stride,
          .bias = e->bias ? e->bias + column : no_bias,
      };
      if (p->ends) lmk_bring_tile_near(e, row, rows, column);
      const enum destination destination = is_whole ? straight : to_sums;
      compute[destination](&tile);
      if (p->ends && destination == to_sums) lmk_store_tile(e, tile.sums, row, rows, column, columns);
    }
  }
}

#pragma clang attribute pop
#endif
