// Quantisation and packing of columns of eight-bit operands (lmk_quantize.h), with AVX-512.
#include "product_quantize.h"

#if defined(__x86_64__)
#include "instructions.h"
#include "product_lanes.h"
LMK_BEGIN_VNNI

enum { lanes = 16 };

// The largest magnitude of elements seen, and 0 · x added up, which is NaN where one is not finite.
struct range {
  __m512 most, spoilt;
};

static inline void add(struct range *range, __m512 x) {
  range->most = _mm512_max_ps(_mm512_abs_ps(x), range->most);
  range->spoilt = _mm512_fmadd_ps(x, _mm512_setzero_ps(), range->spoilt);
}

static inline __m512 scales_of(struct range range) {
  const __m512 scale = _mm512_add_ps(_mm512_div_ps(range.most, _mm512_set1_ps(127)), range.spoilt);
  const __mmask16 is_zero = _mm512_cmp_ps_mask(range.most, _mm512_set1_ps(LMK_LEAST_MAGNITUDE), _CMP_LT_OQ) &
                            _mm512_cmp_ps_mask(range.spoilt, range.spoilt, _CMP_ORD_Q);
  return _mm512_mask_mov_ps(scale, is_zero, _mm512_setzero_ps());
}

// What elements are multiplied with: 0 where the scale is 0 or NaN.
static inline __m512 inverses_of(__m512 scale) {
  const __mmask16 is_positive = _mm512_cmp_ps_mask(scale, _mm512_setzero_ps(), _CMP_GT_OQ);
  return _mm512_maskz_div_ps(is_positive, _mm512_set1_ps(1), scale);
}

static inline __m512i add_bytes(__m512i sums, __m512i bytes) {
  return _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), bytes);
}

// Sixteen words of a column that is a row of memory, from `depth` elements.
static inline __m512i words_of(const float *from, long depth, __m512 inverse) {
  __m512i words = _mm512_setzero_si512();
  for (int part = 0; part < 4; part++) {
    const __m512 x = _mm512_maskz_loadu_ps(first_lanes(depth - part * lanes), from + part * lanes);
    const __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
    switch (part) {
      case 0: words = _mm512_inserti32x4(words, bytes, 0); break;
      case 1: words = _mm512_inserti32x4(words, bytes, 1); break;
      case 2: words = _mm512_inserti32x4(words, bytes, 2); break;
      default: words = _mm512_inserti32x4(words, bytes, 3);
    }
  }
  return words;
}

// Packs up to sixteen columns that are rows of memory: half a panel.
static void pack_transposed(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed, float *scales, int32_t *sums) {
  const long words = lmk_b_words(arithmetic, depth);
  _Alignas(64) float most[lanes] = {0}, spoilt[lanes] = {0}, inverses[lanes];
  for (long c = 0; c < count; c++) {
    const float *from = (const float *)b->data + (column + c) * b->stride;
    struct range range = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (long k = 0; k < depth; k += lanes) add(&range, _mm512_maskz_loadu_ps(first_lanes(depth - k), from + k));
    most[c] = _mm512_reduce_max_ps(range.most);
    spoilt[c] = _mm512_reduce_add_ps(range.spoilt);
  }
  const __m512 scale = scales_of((struct range){_mm512_load_ps(most), _mm512_load_ps(spoilt)});
  _mm512_storeu_ps(scales, scale);
  _mm512_store_ps(inverses, inverses_of(scale));
  __m512i total = _mm512_setzero_si512();
  for (long w = 0; w < words; w += lanes) {
    __m512i block[lanes];
    for (long c = 0; c < lanes; c++) {
      block[c] = _mm512_setzero_si512();
      if (c >= count) continue;
      const float *from = (const float *)b->data + (column + c) * b->stride + 4 * w;
      block[c] = words_of(from, depth - 4 * w, _mm512_set1_ps(inverses[c]));
    }
    transpose(block);
    for (long i = 0; i < lanes && w + i < words; i++) {
      _mm512_storeu_si512(packed + (w + i) * LMK_TILE_COLUMNS, block[i]);
      total = add_bytes(total, block[i]);
    }
  }
  _mm512_storeu_si512(sums, total);
}

// Columns that are packed together where b is stored row by row: a kilobyte of each row.
enum { columns_together = 256, vectors_together = columns_together / lanes };

// Bytes of sixteen columns from one row of memory, each in the lowest part of its lane.
static inline __m512i lowest_bytes(const float *from, __mmask16 there, __m512 inverse) {
  const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(there, from), inverse));
  return _mm512_and_si512(whole, _mm512_set1_epi32(0xFF));
}

// Packs up to `columns_together` columns of a b that is stored row by row. Goes through its rows twice.
static void pack_rows(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed, long panel_stride,
    float *scales, int32_t *sums) {
  struct range ranges[vectors_together];
  __m512 inverses[vectors_together];
  __m512i totals[vectors_together];
  const long vectors = (count + LMK_TILE_COLUMNS - 1) / LMK_TILE_COLUMNS * (LMK_TILE_COLUMNS / lanes);
  for (long v = 0; v < vectors; v++) {
    ranges[v].most = ranges[v].spoilt = _mm512_setzero_ps();
    totals[v] = _mm512_setzero_si512();
  }
  for (long k = 0; k < depth; k++) {
    const float *row = (const float *)b->data + k * b->stride + column;
    for (long v = 0; v < vectors; v++)
      add(&ranges[v], _mm512_maskz_loadu_ps(first_lanes(count - v * lanes), row + v * lanes));
  }
  for (long v = 0; v < vectors; v++) {
    const __m512 scale = scales_of(ranges[v]);
    _mm512_storeu_ps(scales + v * lanes, scale);
    inverses[v] = inverses_of(scale);
  }
  for (long k = 0; k < 4 * lmk_b_words(arithmetic, depth); k += 4) {
    for (long v = 0; v < vectors; v++) {
      const __mmask16 there = first_lanes(count - v * lanes);
      __m512i words = _mm512_setzero_si512();
      for (long i = least(4, depth - k) - 1; i >= 0; i--) {
        const float *from = (const float *)b->data + (k + i) * b->stride + column + v * lanes;
        words = _mm512_or_si512(_mm512_slli_epi32(words, 8), lowest_bytes(from, there, inverses[v]));
      }
      totals[v] = add_bytes(totals[v], words);
      const long panel = v * lanes / LMK_TILE_COLUMNS, place = k / 4 * LMK_TILE_COLUMNS + v * lanes % LMK_TILE_COLUMNS;
      _mm512_storeu_si512(packed + panel * panel_stride + place, words);
    }
  }
  for (long v = 0; v < vectors; v++) _mm512_storeu_si512(sums + v * lanes, totals[v]);
}

static void pack_quantized_columns_avx512(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed, long panel_stride,
    float *scales, int32_t *sums) {
  const long padded = (count + LMK_TILE_COLUMNS - 1) / LMK_TILE_COLUMNS * LMK_TILE_COLUMNS;
  const long step = b->transposed ? lanes : columns_together;
  for (long c = 0; c < padded; c += step) {
    uint32_t *to = packed + c / LMK_TILE_COLUMNS * panel_stride + c % LMK_TILE_COLUMNS;
    if (b->transposed)
      pack_transposed(arithmetic, b, column + c, least(count - c, lanes), depth, to, scales + c, sums + c);
    else
      pack_rows(
          arithmetic, b, column + c, least(count - c, columns_together), depth, to, panel_stride, scales + c, sums + c);
  }
}

LMK_END_SET

void lmk_pack_quantized_columns(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed,
    long panel_stride, float *scales, int32_t *sums) {
  if (lmk_is_on_avx2(arithmetic))
    lmk_pack_quantized_columns_avx2(arithmetic, b, column, count, depth, packed, panel_stride, scales, sums);
  else
    pack_quantized_columns_avx512(arithmetic, b, column, count, depth, packed, panel_stride, scales, sums);
}
#endif
