// What the ways of quantising (lmk_quantize.h) share, and those with AVX2.
#ifndef LMK_PRODUCT_QUANTIZE_H
#define LMK_PRODUCT_QUANTIZE_H
#include <math.h>

#include "lmk_quantize.h"

/// Ranges of rows and magnitudes of columns below this are taken for zero, so that no reciprocal of a scale overflows.
#define LMK_LEAST_MAGNITUDE 0x1p-100f

/// Scale and zero of a row of that range, which holds 0.
///
/// `spoilt`: 0, or NaN where an element is not finite.
static inline void lmk_set_scale(float low, float high, float spoilt, float *scale, int32_t *zero) {
  // Halves first: the range of two large floats is none.
  const float half = 0.5f * high - 0.5f * low;
  *scale = 0;
  *zero = 0;
  if (half < 0.5f * LMK_LEAST_MAGNITUDE && spoilt == 0) return;
  *scale = half / 127.5f + spoilt;
  if (spoilt == 0) *zero = (int32_t)lrintf(-low / *scale);
}

/// Rows of whole tiles.
static inline long lmk_whole_tiles(int arithmetic, long rows) {
  const long tile = lmk_tile_rows(arithmetic);
  return (rows + tile - 1) / tile * tile;
}

void lmk_quantize_rows_avx2(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros);
void lmk_pack_bytes_avx2(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed);
void lmk_pack_quantized_columns_avx2(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed,
    long panel_stride, float *scales, int32_t *sums);
#endif
