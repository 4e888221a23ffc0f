// Quantisation and packing of both operands (lmk_quantize.h), with AVX2.
#include <string.h>

#include "product_quantize.h"

#if defined(__x86_64__)
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_AVX2

enum { lanes = 8, bytes_a_vector = 32 };

// Eight elements as floats.
static inline __attribute__((always_inline)) __m256 load(int type, const char *from) {
  if (type == LMK_FLOAT32) return _mm256_loadu_ps((const float *)from);
  const __m256i halves = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(halves, 16));
}

// The same of the first `count`, which may be none, the others zero.
static inline __attribute__((always_inline)) __m256 load_some(int type, const char *from, long count) {
  if (count >= lanes) return load(type, from);
  if (count <= 0) return _mm256_setzero_ps();
  _Alignas(32) char room[4 * lanes] = {0};
  memcpy(room, from, (size_t)(count * (type == LMK_FLOAT32 ? 4 : 2)));
  return load(type, room);
}

// Smallest and largest element, and 0 · x added up, which is NaN where one is not finite.
struct range {
  __m256 least, most, spoilt;
};

static inline void add(struct range *range, __m256 x) {
  range->least = _mm256_min_ps(x, range->least);
  range->most = _mm256_max_ps(x, range->most);
  range->spoilt = _mm256_fmadd_ps(x, _mm256_setzero_ps(), range->spoilt);
}

static inline __attribute__((always_inline)) struct range range_of(int type, const char *from, long depth) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  // Two, so that their operations overlap.
  struct range even = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()}, odd = even;
  long k = 0;
  for (; k + 2 * lanes <= depth; k += 2 * lanes) {
    add(&even, load(type, from + k * size));
    add(&odd, load(type, from + (k + lanes) * size));
  }
  for (; k < depth; k += lanes) add(&even, load_some(type, from + k * size, depth - k));
  even.least = _mm256_min_ps(even.least, odd.least);
  even.most = _mm256_max_ps(even.most, odd.most);
  even.spoilt = _mm256_add_ps(even.spoilt, odd.spoilt);
  return even;
}

static float least_of(__m256 x) {
  const __m128 half = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 quarter = _mm_min_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_min_ss(quarter, _mm_movehdup_ps(quarter)));
}

static float most_of(__m256 x) { return -least_of(_mm256_sub_ps(_mm256_setzero_ps(), x)); }

static float sum_of(__m256 x) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

void lmk_quantize_rows_avx2(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros) {
  for (long r = 0; r < lmk_whole_tiles(arithmetic, rows); r++) {
    struct range range = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    const char *from = element(a, first_row + r, 0);
    if (r < rows)
      range = a->type == LMK_FLOAT32 ? range_of(LMK_FLOAT32, from, depth) : range_of(LMK_BFLOAT16, from, depth);
    lmk_set_scale(least_of(range.least), most_of(range.most), sum_of(range.spoilt), &scales[r], &zeros[r]);
  }
}

// What elements are multiplied with: 0 where the scale is 0 or NaN.
static float inverse_of(float scale) { return scale > 0 ? 1 / scale : 0; }

static inline __m256i whole(__m256 x, __m256 inverse, __m256i zero) {
  return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(x, inverse)), zero);
}

// 32 elements, or the first `count`, as 16-bit integers in the order that packing to bytes wants.
struct halves {
  __m256i low, high;
};

static inline __attribute__((always_inline)) struct halves halves_of(
    int type, const char *from, long count, float inverse, int32_t zero) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  const __m256 factor = _mm256_set1_ps(inverse);
  const __m256i shift = _mm256_set1_epi32(zero);
  __m256i words[4];
  for (long i = 0; i < 4; i++)
    words[i] = whole(load_some(type, from + i * lanes * size, count - i * lanes), factor, shift);
  return (struct halves){_mm256_packs_epi32(words[0], words[1]), _mm256_packs_epi32(words[2], words[3])};
}

// Packing works within halves of vectors: puts the groups of four in their order again.
static inline __m256i in_order(__m256i bytes) {
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

static inline __attribute__((always_inline)) void pack_row(
    int type, const char *from, long depth, float scale, int32_t zero, uint8_t *to) {
  const long size = type == LMK_FLOAT32 ? 4 : 2;
  const float inverse = inverse_of(scale);
  for (long k = 0; k < depth; k += bytes_a_vector) {
    const struct halves halves = halves_of(type, from + k * size, depth - k, inverse, zero);
    const __m256i bytes = in_order(_mm256_packus_epi16(halves.low, halves.high));
    if (k + bytes_a_vector <= depth)
      _mm256_storeu_si256((__m256i *)(to + k), bytes);
    else
      memcpy(to + k, &bytes, (size_t)((depth - k + 3) / 4 * 4));
  }
}

void lmk_pack_bytes_avx2(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed) {
  for (long r = 0; r < lmk_whole_tiles(arithmetic, rows); r++) {
    uint32_t *to = packed + r * LMK_ROW_WORDS;
    const char *from = element(a, first_row + r, first);
    if (r >= rows)
      memset(to, 0, sizeof *to * (size_t)lmk_a_words(arithmetic, depth));
    else if (a->type == LMK_FLOAT32)
      pack_row(LMK_FLOAT32, from, depth, scales[r], zeros[r], (uint8_t *)to);
    else
      pack_row(LMK_BFLOAT16, from, depth, scales[r], zeros[r], (uint8_t *)to);
  }
}

// What has to fit of a column, halved. VPDPBUSD: every magnitude. VPMADDUBSW and an addition sum up four products in 16
// bits: the numbers of one sign among four, so that their bytes add up to 128 at most, and 255 · 128 < 2¹⁵.
struct column {
  __m256 most, spoilt;
};

// Numbers whose products are added up in 16 bits: of eight from a multiple of eight on, 0, 1, 4, 5 and 2, 3, 6, 7.
enum { together_in_16_bits = 4, depth_of_groups = 8 };

static inline void add_group(int arithmetic, struct column *column, const __m256 group[together_in_16_bits]) {
  const __m256 half = _mm256_set1_ps(0.5f), none = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
  __m256 up[2] = {none, none}, down[2] = {none, none};
  for (int i = 0; i < together_in_16_bits; i++) {
    const __m256 x = _mm256_mul_ps(group[i], half);
    column->spoilt = _mm256_fmadd_ps(x, none, column->spoilt);
    if (arithmetic == LMK_PRODUCT_INT8_AVX2) {
      // The operand that may be NaN first: the other one is taken then.
      up[i / 2] = _mm256_add_ps(up[i / 2], _mm256_max_ps(x, none));
      down[i / 2] = _mm256_sub_ps(down[i / 2], _mm256_min_ps(x, none));
    } else {
      column->most = _mm256_max_ps(_mm256_andnot_ps(sign, x), column->most);
    }
  }
  // Neighbours first, then both pairs: so the sum has the same bits in all lanes of scale_of, whatever their order.
  column->most = _mm256_max_ps(_mm256_add_ps(up[0], up[1]), column->most);
  column->most = _mm256_max_ps(_mm256_add_ps(down[0], down[1]), column->most);
}

static struct column empty_column(void) { return (struct column){_mm256_setzero_ps(), _mm256_setzero_ps()}; }

// Half the steps that what has to fit is cut into: rounding adds half a step to each of four, or the rest that VPDPBUSD
// has place for.
static float column_scale(int arithmetic, float half, float spoilt) {
  const float steps = arithmetic == LMK_PRODUCT_INT8_AVX2 ? 63.0f : 63.5f;
  return half < 0.5f * LMK_LEAST_MAGNITUDE && spoilt == 0 ? 0 : half / steps + spoilt;
}

// The scale of a column that is a row of memory.
static float scale_of(int arithmetic, const float *from, long depth) {
  struct column column = empty_column();
  for (long k = 0; k < depth; k += lanes) {
    const __m256 x = load_some(LMK_FLOAT32, (const char *)(from + k), depth - k), y = _mm256_permute2f128_ps(x, x, 1);
    const __m256 group[] = {x, _mm256_shuffle_ps(x, x, 0xB1), y, _mm256_shuffle_ps(y, y, 0xB1)};
    add_group(arithmetic, &column, group);
  }
  return column_scale(arithmetic, most_of(column.most), sum_of(column.spoilt));
}

// Bytes of columns that are rows of memory, on their way to words side by side.
enum { depth_together = 256 };

// Packs the columns of one panel.
static void pack_transposed(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed, float *scales,
    int32_t *sums) {
  _Alignas(32) int8_t bytes[LMK_AVX2_TILE_COLUMNS][depth_together] = {{0}};
  for (long c = 0; c < LMK_AVX2_TILE_COLUMNS; c++) {
    scales[c] = 0;
    sums[c] = 0;
    if (c >= count) continue;
    scales[c] = scale_of(arithmetic, (const float *)element(b, column + c, 0), depth);
  }
  for (long k = 0; k < depth; k += depth_together, packed += depth_together / 4 * LMK_AVX2_TILE_COLUMNS) {
    const long together = least(depth - k, depth_together), words = (together + 3) / 4;
    for (long c = 0; c < least(count, LMK_AVX2_TILE_COLUMNS); c++) {
      const float *from = (const float *)element(b, column + c, k);
      const float inverse = inverse_of(scales[c]);
      int32_t sum = 0;
      for (long i = 0; i < together; i += bytes_a_vector) {
        const struct halves halves = halves_of(LMK_FLOAT32, (const char *)(from + i), together - i, inverse, 0);
        _mm256_store_si256((__m256i *)(bytes[c] + i), in_order(_mm256_packs_epi16(halves.low, halves.high)));
      }
      for (long i = 0; i < together; i++) sum += bytes[c][i];
      sums[c] += sum;
    }
    for (long w = 0; w < words; w++) {
      for (long c = 0; c < LMK_AVX2_TILE_COLUMNS; c++)
        memcpy(packed + w * LMK_AVX2_TILE_COLUMNS + c, bytes[c] + 4 * w, sizeof *packed);
    }
  }
}

// Columns that are packed together where b is stored row by row: a kilobyte of each row.
enum { columns_together = 256, vectors_together = columns_together / lanes };

// Packs up to `columns_together` columns of a b that is stored row by row. Goes through its rows twice.
static void pack_rows(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed,
    long panel_stride, float *scales, int32_t *sums) {
  struct column all[vectors_together];
  __m256 inverses[vectors_together];
  __m256i totals[vectors_together];
  const long padded = (count + LMK_AVX2_TILE_COLUMNS - 1) / LMK_AVX2_TILE_COLUMNS * LMK_AVX2_TILE_COLUMNS;
  const long vectors = padded / lanes;
  for (long v = 0; v < vectors; v++) {
    all[v] = empty_column();
    totals[v] = _mm256_setzero_si256();
  }
  for (long k = 0; k < depth; k += depth_of_groups) {
    for (long v = 0; v < vectors; v++) {
      __m256 groups[2][together_in_16_bits];
      for (long i = 0; i < depth_of_groups; i++) {
        const float *from = (const float *)b->data + (k + i) * b->stride + column + v * lanes;
        const long left = k + i < depth ? count - v * lanes : 0;
        groups[i / 2 % 2][i / 4 * 2 + i % 2] = load_some(LMK_FLOAT32, (const char *)from, left);
      }
      add_group(arithmetic, &all[v], groups[0]);
      add_group(arithmetic, &all[v], groups[1]);
    }
  }
  for (long v = 0; v < vectors; v++) {
    float most[lanes], spoilt[lanes], inverse[lanes];
    _mm256_storeu_ps(most, all[v].most);
    _mm256_storeu_ps(spoilt, all[v].spoilt);
    for (long i = 0; i < lanes; i++) {
      const float scale = column_scale(arithmetic, most[i], spoilt[i]);
      scales[v * lanes + i] = scale;
      inverse[i] = inverse_of(scale);
    }
    inverses[v] = _mm256_loadu_ps(inverse);
  }
  const __m256i lowest = _mm256_set1_epi32(0xFF), ones = _mm256_set1_epi8(1), pairs = _mm256_set1_epi16(1);
  for (long k = 0; k < depth; k += 4) {
    for (long v = 0; v < vectors; v++) {
      const long left = count - v * lanes;
      __m256i words = _mm256_setzero_si256();
      for (long i = least(4, depth - k) - 1; i >= 0; i--) {
        const float *from = (const float *)b->data + (k + i) * b->stride + column + v * lanes;
        const __m256 x = load_some(LMK_FLOAT32, (const char *)from, left);
        const __m256i bytes = whole(x, inverses[v], _mm256_setzero_si256());
        words = _mm256_or_si256(_mm256_slli_epi32(words, 8), _mm256_and_si256(bytes, lowest));
      }
      totals[v] = _mm256_add_epi32(totals[v], _mm256_madd_epi16(_mm256_maddubs_epi16(ones, words), pairs));
      const long panel = v * lanes / LMK_AVX2_TILE_COLUMNS;
      const long place = k / 4 * LMK_AVX2_TILE_COLUMNS + v * lanes % LMK_AVX2_TILE_COLUMNS;
      _mm256_storeu_si256((__m256i *)(packed + panel * panel_stride + place), words);
    }
  }
  for (long v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(sums + v * lanes), totals[v]);
}

void lmk_pack_quantized_columns_avx2(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed,
    long panel_stride, float *scales, int32_t *sums) {
  const long step = b->transposed ? LMK_AVX2_TILE_COLUMNS : columns_together;
  for (long c = 0; c < count; c += step) {
    uint32_t *to = packed + c / LMK_AVX2_TILE_COLUMNS * panel_stride;
    if (b->transposed)
      pack_transposed(arithmetic, b, column + c, count - c, depth, to, scales + c, sums + c);
    else
      pack_rows(
          arithmetic, b, column + c, least(count - c, columns_together), depth, to, panel_stride, scales + c, sums + c);
  }
}

LMK_END_SET
#endif
