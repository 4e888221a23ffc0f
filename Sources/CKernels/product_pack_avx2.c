// Packing of both operands of a product of floats (product_pack.h), with AVX2.
#include "product_pack.h"

#if defined(__x86_64__)
#include <string.h>

#include "instructions.h"
#include "product_lanes.h"

LMK_BEGIN_AVX2

enum { lanes = 8 };
// Prefetch distance, in rows of the source.
enum { rows_ahead = 32 };

static inline const float *float_at(const struct lmk_matrix *m, long row, long column) {
  return (const float *)m->data + row * m->stride + column;
}

static void pack_a_rows(
    const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  const size_t bytes = sizeof *packed * (size_t)depth;
  const long padded = (rows + LMK_AVX2_TILE_ROWS - 1) / LMK_AVX2_TILE_ROWS * LMK_AVX2_TILE_ROWS;
  for (long r = 0; r < padded; r++) {
    uint32_t *to = packed + r * LMK_ROW_WORDS;
    if (r < rows)
      memcpy(to, float_at(a, first_row + r, first), bytes);
    else
      memset(to, 0, bytes);
  }
}

// Copies `depth` rows of `columns` floats into groups of `each` columns, `group` words apart. The outer loop is over
// rows, so memory is read sequentially; later rows are prefetched, because rows a power of two apart map to the same
// cache sets and would evict each other.
static inline __attribute__((always_inline)) void pack_across(
    const float *from, long row, long depth, long columns, long each, long group, uint32_t *to) {
  for (long k = 0; k < depth; k++, from += row, to += each) {
    if (k + rows_ahead < depth)
      for (long c = 0; c < columns; c += 16) _mm_prefetch((const char *)(from + rows_ahead * row + c), _MM_HINT_T1);
    uint32_t *place = to;
    long c = 0;
    for (; c + each <= columns; c += each, place += group) memcpy(place, from + c, sizeof *to * (size_t)each);
    if (c == columns) continue;
    memcpy(place, from + c, sizeof *to * (size_t)(columns - c));
    memset(place + (columns - c), 0, sizeof *to * (size_t)(each - (columns - c)));
  }
}

void lmk_pack_a_avx2(
    const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  if (!a->transposed) return pack_a_rows(a, first_row, rows, first, depth, packed);
  pack_across(
      float_at(a, first, first_row), a->stride, depth, rows, LMK_AVX2_TILE_ROWS,
      lmk_a_tile_words(LMK_PRODUCT_AVX2, 1, depth), packed);
}

// Transposes 8 × 8 floats.
static inline void transpose_floats(__m256 x[lanes]) {
  __m256 t[lanes];
  for (int i = 0; i < lanes; i += 2) {
    t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
  for (int i = 0; i < lanes; i += 4) {
    x[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    x[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    x[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    x[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
  // Now the two 128-bit lanes of x[i] and x[i + 4] hold columns i and i + 4 of four rows each.
  for (int i = 0; i < 4; i++) {
    const __m256 upper = x[i], lower = x[i + 4];
    x[i] = _mm256_permute2f128_ps(upper, lower, 0x20);
    x[i + 4] = _mm256_permute2f128_ps(upper, lower, 0x31);
  }
}

// Packs up to eight columns, and up to eight rows, of a transposed b, whose columns are rows in memory.
static void pack_b_corner(const float *from, long stride, long count, long rows, float *packed) {
  _Alignas(32) float rest[lanes][lanes] = {{0}};
  for (long c = 0; c < least(count, lanes); c++) memcpy(rest[c], from + c * stride, sizeof **rest * (size_t)rows);
  __m256 block[lanes];
  for (long c = 0; c < lanes; c++) block[c] = _mm256_load_ps(rest[c]);
  transpose_floats(block);
  for (long i = 0; i < rows; i++) _mm256_store_ps(packed + i * LMK_AVX2_TILE_COLUMNS, block[i]);
}

// Packs up to eight columns of a transposed b.
static void pack_b_columns(const float *from, long stride, long count, long depth, float *packed) {
  for (; depth > 0; depth -= lanes, from += lanes, packed += lanes * LMK_AVX2_TILE_COLUMNS) {
    if (count < lanes || depth < lanes) {
      pack_b_corner(from, stride, count, least(depth, lanes), packed);
      continue;
    }
    __m256 block[lanes];
    for (long c = 0; c < lanes; c++) block[c] = _mm256_loadu_ps(from + c * stride);
    transpose_floats(block);
    for (long i = 0; i < lanes; i++) _mm256_store_ps(packed + i * LMK_AVX2_TILE_COLUMNS, block[i]);
  }
}

void lmk_pack_b_avx2(
    const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed, long panel_stride) {
  if (!b->transposed)
    return pack_across(
        float_at(b, first, column), b->stride, depth, count, LMK_AVX2_TILE_COLUMNS, panel_stride, packed);
  for (; count > 0; column += LMK_AVX2_TILE_COLUMNS, count -= LMK_AVX2_TILE_COLUMNS, packed += panel_stride) {
    for (long part = 0; part < LMK_AVX2_TILE_COLUMNS; part += lanes)
      pack_b_columns(float_at(b, column + part, first), b->stride, count - part, depth, (float *)packed + part);
  }
}

LMK_END_SET
#endif
