// Packing of both operands of a product (lmk_product.h): sizes, and the ways with AVX-512.
#include <stdbool.h>
#include <string.h>

#include "product_pack.h"

// Words of `depth` elements, so many a word, padded to whole AMX tiles.
static long whole_steps(long depth, long elements) {
  const long step = elements * LMK_AMX_SIDE;
  return (depth + step - 1) / step * LMK_AMX_SIDE;
}

int lmk_is_on_avx2(int arithmetic) {
  return arithmetic == LMK_PRODUCT_AVX2 || arithmetic == LMK_PRODUCT_INT8_AVX2 ||
         arithmetic == LMK_PRODUCT_INT8_AVXVNNI;
}

int lmk_is_int8(int arithmetic) {
  return arithmetic == LMK_PRODUCT_INT8 || arithmetic == LMK_PRODUCT_INT8_AVX2 ||
         arithmetic == LMK_PRODUCT_INT8_AVXVNNI || arithmetic == LMK_PRODUCT_INT8_AMX;
}

int lmk_is_on_amx(int arithmetic) { return arithmetic == LMK_PRODUCT_AMX || arithmetic == LMK_PRODUCT_INT8_AMX; }

long lmk_tile_rows(int arithmetic) {
  if (lmk_is_on_avx2(arithmetic)) return LMK_AVX2_TILE_ROWS;
  return lmk_is_on_amx(arithmetic) ? LMK_AMX_TILE_ROWS : LMK_TILE_ROWS;
}

long lmk_tile_columns(int arithmetic) {
  return lmk_is_on_avx2(arithmetic) ? LMK_AVX2_TILE_COLUMNS : LMK_TILE_COLUMNS;
}

long lmk_a_words(int arithmetic, long depth) {
  switch (arithmetic) {
    case LMK_PRODUCT_ROUNDED: return (depth + 1) / 2 * 2;  // b is expanded from pairs, so its depth is even
    case LMK_PRODUCT_PAIRS: return (depth + 1) / 2;
    case LMK_PRODUCT_AMX: return whole_steps(depth, 2);
    case LMK_PRODUCT_INT8_AMX: return whole_steps(depth, 4);
    case LMK_PRODUCT_INT8:
    case LMK_PRODUCT_INT8_AVX2:
    case LMK_PRODUCT_INT8_AVXVNNI: return (depth + 3) / 4;
    default: return depth;
  }
}

// All bfloat16 arithmetics share one panel layout.
long lmk_b_words(int arithmetic, long depth) {
  switch (arithmetic) {
    case LMK_PRODUCT_ROUNDED:
    case LMK_PRODUCT_PAIRS:
    case LMK_PRODUCT_AMX: return whole_steps(depth, 2);
    default: return lmk_a_words(arithmetic, depth);
  }
}

static int packs_by_rows(int arithmetic, int transposed) { return !transposed || arithmetic == LMK_PRODUCT_AMX; }

long lmk_a_tile_words(int arithmetic, int transposed, long depth) {
  if (packs_by_rows(arithmetic, transposed)) return lmk_tile_rows(arithmetic) * LMK_ROW_WORDS;
  // Padded, because tiles a power of two apart would map to the same L1 sets.
  return lmk_a_words(arithmetic, depth) * lmk_tile_rows(arithmetic) + 16;
}

#if defined(__x86_64__)
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_AVX512BF16

enum { lanes = 16 };
// Prefetch distance, in rows of the source.
enum { rows_ahead = 32 };

// Loads sixteen elements as bfloat16, each in the lower half of a 32-bit lane.
static inline __m512i halves(int type, const char *from, __mmask16 mask) {
  if (type == LMK_FLOAT32)
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from)));
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
}

// Loads thirty-two consecutive elements as sixteen pairs of bfloat16.
static inline __m512i pairs(int type, const char *from, long count) {
  if (type == LMK_BFLOAT16) {
    const __mmask32 mask = count >= 32 ? 0xFFFFFFFFu : count <= 0 ? 0 : (1u << count) - 1;
    return _mm512_maskz_loadu_epi16(mask, from);
  }
  const __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), from);
  const __m512 high = _mm512_maskz_loadu_ps(first_lanes(count - lanes), from + 64);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Loads sixteen elements of a row and the sixteen below them as vertical pairs of bfloat16.
static inline __m512i pairs_across(int type, const char *from, long row, __mmask16 mask) {
  static const _Alignas(64) uint16_t places[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512i both;
  if (type == LMK_FLOAT32) {
    const __m512 even = _mm512_maskz_loadu_ps(mask, from), odd = _mm512_maskz_loadu_ps(mask, from + row);
    both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  } else {
    const __m256i even = _mm256_maskz_loadu_epi16(mask, from), odd = _mm256_maskz_loadu_epi16(mask, from + row);
    both = _mm512_inserti64x4(_mm512_castsi256_si512(even), odd, 1);
  }
  return _mm512_permutexvar_epi16(_mm512_load_si512(places), both);
}

// Loads sixteen elements as floats, rounded to bfloat16 where the arithmetic asks for it.
static inline __m512i words(int arithmetic, int type, const char *from, __mmask16 mask) {
  if (arithmetic == LMK_PRODUCT_ROUNDED) return _mm512_slli_epi32(halves(type, from, mask), 16);
  return _mm512_castps_si512(floats(type, from, mask));
}

static inline void pack_row(int arithmetic, int type, const char *from, long depth, uint32_t *to) {
  if (arithmetic == LMK_PRODUCT_PAIRS || arithmetic == LMK_PRODUCT_AMX) {
    const long size = type == LMK_FLOAT32 ? 4 : 2;
    for (long k = 0; k < depth; k += 2 * lanes)
      _mm512_storeu_si512(to + k / 2, pairs(type, from + k * size, depth - k));
    return;
  }
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  for (long k = 0; k < depth; k += lanes)
    _mm512_storeu_si512(to + k, words(arithmetic, type, from + k * size, first_lanes(depth - k)));
}

static void pack_a_rows(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  const long tile_rows = lmk_tile_rows(arithmetic), padded = (rows + tile_rows - 1) / tile_rows * tile_rows;
  for (long r = 0; r < padded; r++) {
    uint32_t *to = packed + r * LMK_ROW_WORDS;
    if (r >= rows) {
      memset(to, 0, sizeof *to * (size_t)lmk_a_words(arithmetic, depth));
      continue;
    }
    const char *from = element(a, first_row + r, first);
    if (a->type == LMK_FLOAT32)
      pack_row(arithmetic, LMK_FLOAT32, from, depth, to);
    else
      pack_row(arithmetic, LMK_BFLOAT16, from, depth, to);
  }
}

// Layout of packed tiles or panels that are filled from rows of memory: groups of `columns` columns in `vectors`
// vectors of sixteen lanes. `group` is the stride of groups, `step` that of steps in depth within a group, in words.
struct groups {
  long columns, vectors, step, group;
};

// Packs one step in depth of one group, of which at most `left` columns remain.
static inline __attribute__((always_inline)) void pack_step(
    int arithmetic, int type, const char *from, long row, bool is_odd, long left, struct groups g, uint32_t *to) {
  for (long v = 0; v < g.vectors; v++) {
    const __mmask16 mask = first_lanes(least(left, g.columns) - v * lanes), stored = first_lanes(g.columns - v * lanes);
    const char *here = from + v * lanes * (type == LMK_FLOAT32 ? 4 : 2);
    const __m512i packed = arithmetic != LMK_PRODUCT_PAIRS ? words(arithmetic, type, here, mask)
                           : is_odd                        ? halves(type, here, mask)
                                                           : pairs_across(type, here, row, mask);
    _mm512_mask_storeu_epi32(to + v * lanes, stored, packed);
  }
}

// Packs `depth` rows of `columns` elements, `row` bytes apart; a step is two rows for pairs, else one. The outer loop
// is over rows, so memory is read sequentially. Later rows are prefetched, because rows a power of two apart map to the
// same cache sets and would evict each other.
static inline __attribute__((always_inline)) void pack_steps(
    int arithmetic, int type, const char *from, long row, long depth, long columns, struct groups g, uint32_t *to) {
  const long each = arithmetic == LMK_PRODUCT_PAIRS ? 2 : 1, size = type == LMK_FLOAT32 ? 4 : 2;
  for (long k = 0; k < depth; k += each, from += each * row, to += g.step) {
    for (long ahead = k + rows_ahead; ahead < least(k + rows_ahead + each, depth); ahead++)
      for (long byte = 0; byte < columns * size; byte += 64) _mm_prefetch(from + (ahead - k) * row + byte, _MM_HINT_T1);
    uint32_t *place = to;
    for (long column = 0; column < columns; column += g.columns, place += g.group)
      pack_step(arithmetic, type, from + column * size, row, k + 1 == depth, columns - column, g, place);
  }
}

// Instantiates pack_steps with arithmetic, type and layout as compile-time constants.
static void pack_across(
    int arithmetic, int type, const char *from, long row, long depth, long columns, bool into_tiles, long group,
    uint32_t *to) {
  const struct groups tiles = {LMK_TILE_ROWS, 1, LMK_TILE_ROWS, group};
  const struct groups panels = {LMK_TILE_COLUMNS, LMK_TILE_COLUMNS / lanes, LMK_TILE_COLUMNS, group};
#define ONE_CASE(a, t)                                                         \
  if (arithmetic == a && type == t) {                                          \
    if (into_tiles)                                                            \
      pack_steps(a, t, from, row, depth, columns, tiles, to);                  \
    else                                                                       \
      pack_steps(a, t, from, row, depth, columns, panels, to);                 \
  }
  ONE_CASE(LMK_PRODUCT_FLOAT32, LMK_FLOAT32);
  ONE_CASE(LMK_PRODUCT_FLOAT32, LMK_BFLOAT16);
  ONE_CASE(LMK_PRODUCT_ROUNDED, LMK_FLOAT32);
  ONE_CASE(LMK_PRODUCT_ROUNDED, LMK_BFLOAT16);
  ONE_CASE(LMK_PRODUCT_PAIRS, LMK_FLOAT32);
  ONE_CASE(LMK_PRODUCT_PAIRS, LMK_BFLOAT16);
#undef ONE_CASE
}

static void pack_a_columns(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  const long row = a->stride * (a->type == LMK_FLOAT32 ? 4 : 2), tile = lmk_a_tile_words(arithmetic, 1, depth);
  pack_across(arithmetic, a->type, element(a, first, first_row), row, depth, rows, true, tile, packed);
  // b's expanded pairs have an even depth: pad an odd one with a zero row.
  if (arithmetic == LMK_PRODUCT_ROUNDED && depth % 2 != 0) {
    for (uint32_t *to = packed + depth * LMK_TILE_ROWS; rows > 0; rows -= LMK_TILE_ROWS, to += tile)
      memset(to, 0, LMK_TILE_ROWS * sizeof *to);
  }
}

// Packs rows of pairs of a transposed a: takes 32 rows by 16 columns of memory at a time and transposes them in
// registers.
static void pack_a_columns_as_rows(
    const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  const long size = a->type == LMK_FLOAT32 ? 4 : 2, row = a->stride * size, words = lmk_a_words(LMK_PRODUCT_AMX, depth);
  const long padded = (rows + LMK_AMX_TILE_ROWS - 1) / LMK_AMX_TILE_ROWS * LMK_AMX_TILE_ROWS;
  for (long w = 0; w < words; w += lanes) {
    for (long k = 2 * (w + lanes); k < least(2 * (w + 2 * lanes), depth); k++)
      for (long byte = 0; byte < rows * size; byte += 64)
        _mm_prefetch(element(a, first + k, first_row) + byte, _MM_HINT_T1);
    for (long r = 0; r < padded; r += lanes) {
      const __mmask16 mask = first_lanes(rows - r);
      __m512i block[16];
      for (long i = 0; i < lanes; i++) {
        const long k = 2 * (w + i);
        const char *from = element(a, first + k, first_row + r);
        block[i] = k + 1 < depth ? pairs_across(a->type, from, row, mask)
                   : k < depth   ? halves(a->type, from, mask)
                                 : _mm512_setzero_si512();
      }
      transpose(block);
      for (long i = 0; i < lanes; i++) _mm512_storeu_si512(packed + (r + i) * LMK_ROW_WORDS + w, block[i]);
    }
  }
}

static void pack_a_avx512(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  if (a->transposed && arithmetic == LMK_PRODUCT_AMX)
    pack_a_columns_as_rows(a, first_row, rows, first, depth, packed);
  else if (a->transposed)
    pack_a_columns(arithmetic, a, first_row, rows, first, depth, packed);
  else
    pack_a_rows(arithmetic, a, first_row, rows, first, depth, packed);
}

// Packs sixteen columns of a transposed b, whose columns are rows in memory.
static void pack_b_columns(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed) {
  const long steps = lmk_a_words(arithmetic, depth), step = arithmetic == LMK_PRODUCT_PAIRS ? 2 : 1;
  for (long w = 0; w < steps; w += lanes) {
    __m512i block[16];
    const long left = depth - w * step;
    for (int c = 0; c < lanes; c++) {
      const char *from = element(b, column + c, first + w * step);
      if (c >= count)
        block[c] = _mm512_setzero_si512();
      else if (arithmetic == LMK_PRODUCT_PAIRS)
        block[c] = pairs(b->type, from, left);
      else
        block[c] = words(arithmetic, b->type, from, first_lanes(left));
    }
    transpose(block);
    for (int i = 0; i < lanes && w + i < steps; i++) _mm512_storeu_si512(packed + (w + i) * LMK_TILE_COLUMNS, block[i]);
  }
}

static void pack_b_avx512(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed,
    long panel_stride) {
  // All bfloat16 arithmetics share one layout: pairs, zero-padded to whole AMX tiles.
  const int kept = arithmetic == LMK_PRODUCT_FLOAT32 ? LMK_PRODUCT_FLOAT32 : LMK_PRODUCT_PAIRS;
  const long words = lmk_a_words(kept, depth), rest = lmk_b_words(kept, depth) - words;
  for (long c = 0, place = words * LMK_TILE_COLUMNS; rest > 0 && c < count;
       c += LMK_TILE_COLUMNS, place += panel_stride)
    memset(packed + place, 0, sizeof *packed * (size_t)(rest * LMK_TILE_COLUMNS));
  if (!b->transposed) {
    const long row = b->stride * (b->type == LMK_FLOAT32 ? 4 : 2);
    pack_across(kept, b->type, element(b, first, column), row, depth, count, false, panel_stride, packed);
    return;
  }
  for (; count > 0; column += LMK_TILE_COLUMNS, count -= LMK_TILE_COLUMNS, packed += panel_stride) {
    for (long half = 0; half < LMK_TILE_COLUMNS; half += lanes)
      pack_b_columns(kept, b, column + half, count - half, first, depth, packed + half);
  }
}

LMK_END_SET

void lmk_pack_a(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed) {
  if (arithmetic == LMK_PRODUCT_AVX2)
    lmk_pack_a_avx2(a, first_row, rows, first, depth, packed);
  else
    pack_a_avx512(arithmetic, a, first_row, rows, first, depth, packed);
}

void lmk_pack_b(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed,
    long panel_stride) {
  if (arithmetic == LMK_PRODUCT_AVX2)
    lmk_pack_b_avx2(b, column, count, first, depth, packed, panel_stride);
  else
    pack_b_avx512(arithmetic, b, column, count, first, depth, packed, panel_stride);
}
#endif
