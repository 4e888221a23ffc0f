// The AVX-512 micro-kernel (product_tile.h): all sums of a tile stay in registers during the loop over the depth.
#include "product_tile.h"

#if defined(__x86_64__)
#include <stddef.h>

#include "instructions.h"

LMK_BEGIN_VNNI

#define UNROLLED _Pragma("clang loop unroll(full)")

static inline __attribute__((always_inline)) __m512 multiply_add(
    enum lmk_words words, __m512i a, __m512i b, __m512 sum) {
  if (words == LMK_PAIRS) return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  if (words == LMK_BYTES) return _mm512_castsi512_ps(_mm512_dpbusd_epi32(_mm512_castps_si512(sum), a, b));
  return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
}

// What is computed of a tile: its first rows, and one or both halves of its columns.
struct extent {
  int rows, vectors;
};

// Rows of a addressed from one pointer register: at offsets 0, row and 2 · row, which x86 address modes give for free.
enum { rows_together = 3, row_groups = (LMK_TILE_ROWS + rows_together - 1) / rows_together };

// One word of depth: rank-1 update of the tile.
static inline __attribute__((always_inline)) void step(
    enum lmk_words kind, bool by_rows, struct extent size, long row, long k, const uint32_t *const a[row_groups],
    const uint32_t *b, __m512 c[LMK_TILE_ROWS][2]) {
  __m512i columns[2];
  UNROLLED for (int j = 0; j < size.vectors; j++) columns[j] = _mm512_load_si512(b + 16 * j);
  UNROLLED for (int i = 0; i < size.rows; i++) {
    const uint32_t *word = by_rows ? &a[i / rows_together][i % rows_together * row + k] : &a[0][i + k];
    const __m512i value = _mm512_set1_epi32((int)*word);
    UNROLLED for (int j = 0; j < size.vectors; j++) c[i][j] = multiply_add(kind, value, columns[j], c[i][j]);
  }
}

// Sums of bytes as floats.
static inline __attribute__((always_inline)) __m512 dequantized(
    const struct lmk_scales *q, long row, long column, __m512 sum) {
  const __m512i zero = _mm512_set1_epi32(q->zeros[row]), own = _mm512_loadu_si512(q->column_sums + column);
  const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(sum), _mm512_mullo_epi32(zero, own));
  const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(q->scales[row]), _mm512_loadu_ps(q->column_scales + column));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(shifted), scale);
}

static inline __attribute__((always_inline)) void store_row(
    enum lmk_destination destination, int vectors, const struct lmk_tile *t, long i, const __m512 sums[2]) {
  if (destination == LMK_TO_SUMS) {
    UNROLLED for (int j = 0; j < vectors; j++) _mm512_store_ps(t->sums + i * LMK_TILE_COLUMNS + 16 * j, sums[j]);
    return;
  }
  const __m512 left = _mm512_add_ps(sums[0], _mm512_loadu_ps(t->bias));
  const __m512 right = _mm512_add_ps(sums[1], _mm512_loadu_ps(t->bias + 16));
  if (destination == LMK_TO_FLOATS) {
    _mm512_storeu_ps((float *)t->c + i * t->c_row, left);
    _mm512_storeu_ps((float *)t->c + i * t->c_row + 16, right);
  } else {
    _mm512_storeu_si512((uint16_t *)t->c + i * t->c_row, (__m512i)_mm512_cvtne2ps_pbh(right, left));
  }
}

static inline __attribute__((always_inline)) void compute_tile(
    enum lmk_words kind, bool by_rows, bool starts, enum lmk_destination destination, struct extent size,
    const struct lmk_tile *t) {
  long row = t->a_row;
  const long next = by_rows ? 1 : LMK_TILE_ROWS, words = t->words;
  const uint32_t *a[row_groups], *b = t->b;
  const char *ahead = t->ahead;
  UNROLLED for (int g = 0; g < row_groups; g++) {
    a[g] = by_rows ? t->a + g * rows_together * row : t->a;
  }
  __m512 c[LMK_TILE_ROWS][2];
  UNROLLED for (int i = 0; i < size.rows; i++) {
    UNROLLED for (int j = 0; j < size.vectors; j++)
      c[i][j] = starts ? _mm512_setzero_ps() : _mm512_load_ps(t->sums + i * LMK_TILE_COLUMNS + 16 * j);
  }
  long k = 0;
  for (; k + 3 < words; k += 4) {
    _mm_prefetch(ahead + LMK_AHEAD_BYTES * k, _MM_HINT_T1);
    // Keep the stride and these five row pointers in registers: fourteen computed addresses would spill.
    if (by_rows && size.rows == LMK_TILE_ROWS)
      __asm__("" : "+r"(row), "+r"(a[0]), "+r"(a[1]), "+r"(a[2]), "+r"(a[3]), "+r"(a[4]));
    UNROLLED for (int i = 0; i < 4; i++) step(kind, by_rows, size, row, i * next, a, b + i * LMK_TILE_COLUMNS, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += 4 * next;
    b += 4 * LMK_TILE_COLUMNS;
  }
  for (; k < words; k++, b += LMK_TILE_COLUMNS) {
    step(kind, by_rows, size, row, 0, a, b, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += next;
  }
  const bool dequantizes = kind == LMK_BYTES && t->quantized.scales;
  UNROLLED for (int i = 0; i < size.rows; i++) {
    UNROLLED for (int j = 0; j < size.vectors; j++)
      if (dequantizes) c[i][j] = dequantized(&t->quantized, i, 16 * j, c[i][j]);
    store_row(destination, size.vectors, t, i, c[i]);
  }
}

#define TILE(name, kind, by_rows, starts, destination, rows, vectors)                 \
  static __attribute__((noinline)) void name(const struct lmk_tiles *t) {             \
    struct lmk_tile tile = t->first;                                                  \
    for (long left = t->count; left > 0; left--) {                                    \
      compute_tile(kind, by_rows, starts, destination, (struct extent){rows, vectors}, &tile); \
      lmk_move_down(&tile, t->a_step, LMK_TILE_COLUMNS, LMK_AHEAD_BYTES);             \
    }                                                                                 \
  }
#define TILES(name, kind, by_rows, starts)                                            \
  TILE(name##_floats, kind, by_rows, starts, LMK_TO_FLOATS, LMK_TILE_ROWS, 2)         \
  TILE(name##_bfloat16, kind, by_rows, starts, LMK_TO_BFLOAT16, LMK_TILE_ROWS, 2)     \
  TILE(name##_14x32, kind, by_rows, starts, LMK_TO_SUMS, LMK_TILE_ROWS, 2)            \
  TILE(name##_14x16, kind, by_rows, starts, LMK_TO_SUMS, LMK_TILE_ROWS, 1)            \
  TILE(name##_11x32, kind, by_rows, starts, LMK_TO_SUMS, 11, 2)                       \
  TILE(name##_8x32, kind, by_rows, starts, LMK_TO_SUMS, 8, 2)                         \
  TILE(name##_5x32, kind, by_rows, starts, LMK_TO_SUMS, 5, 2)                         \
  TILE(name##_2x32, kind, by_rows, starts, LMK_TO_SUMS, 2, 2)
TILES(floats_by_rows_first, LMK_FLOATS, true, true)
TILES(floats_by_rows, LMK_FLOATS, true, false)
TILES(floats_by_columns_first, LMK_FLOATS, false, true)
TILES(floats_by_columns, LMK_FLOATS, false, false)
TILES(pairs_by_rows_first, LMK_PAIRS, true, true)
TILES(pairs_by_rows, LMK_PAIRS, true, false)
TILES(pairs_by_columns_first, LMK_PAIRS, false, true)
TILES(pairs_by_columns, LMK_PAIRS, false, false)
TILES(bytes_by_rows_first, LMK_BYTES, true, true)
TILES(bytes_by_rows, LMK_BYTES, true, false)

// The micro-kernels of one kind of operands.
struct kernels {
  lmk_tile_function whole[LMK_DESTINATIONS];
  lmk_tile_function half_width;
  lmk_tile_function low[4];  // of 2, 5, 8 and 11 rows
};
#define KERNELS(name)                                      \
  {.whole = {name##_14x32, name##_floats, name##_bfloat16}, \
   .half_width = name##_14x16,                             \
   .low = {name##_2x32, name##_5x32, name##_8x32, name##_11x32}}
static const struct kernels all_kernels[3][2][2] = {
    {{KERNELS(floats_by_columns), KERNELS(floats_by_columns_first)},
     {KERNELS(floats_by_rows), KERNELS(floats_by_rows_first)}},
    {{KERNELS(pairs_by_columns), KERNELS(pairs_by_columns_first)},
     {KERNELS(pairs_by_rows), KERNELS(pairs_by_rows_first)}},
    {[1] = {KERNELS(bytes_by_rows), KERNELS(bytes_by_rows_first)}},
};

void lmk_dequantize_sums(const struct lmk_scales *scales, long rows, float *sums) {
  for (long i = 0; i < rows; i++, sums += LMK_TILE_COLUMNS) {
    for (long j = 0; j < LMK_TILE_COLUMNS; j += 16)
      _mm512_store_ps(sums + j, dequantized(scales, i, j, _mm512_load_ps(sums + j)));
  }
}

void lmk_expand_pairs(long words, const uint32_t *pairs, float *to) {
  const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000u);
  for (long w = 0; w < words; w++, pairs += LMK_TILE_COLUMNS, to += 2 * LMK_TILE_COLUMNS) {
    for (long j = 0; j < LMK_TILE_COLUMNS; j += 16) {
      const __m512i both = _mm512_load_si512(pairs + j);
      _mm512_store_si512(to + j, _mm512_slli_epi32(both, 16));
      _mm512_store_si512(to + LMK_TILE_COLUMNS + j, _mm512_and_si512(both, upper));
    }
  }
}

lmk_tile_function lmk_vector_tile(enum lmk_words words, bool by_rows, bool starts, enum lmk_destination destination) {
  return all_kernels[words][by_rows][starts].whole[destination];
}

lmk_tile_function lmk_vector_edge(enum lmk_words words, bool by_rows, bool starts, long rows, long columns) {
  const struct kernels *kernels = &all_kernels[words][by_rows][starts];
  // Fourteen rows by one vector take as long as seven rows by two.
  if (columns <= 16 && rows > 5) return kernels->half_width;
  return rows <= 11 ? kernels->low[rows / 3] : kernels->whole[LMK_TO_SUMS];
}

LMK_END_SET
#endif
