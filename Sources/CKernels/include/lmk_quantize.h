// Quantised operands of products (lmk_is_int8), packed as lmk_product.h says, four bytes a word.
//
// A row of a becomes bytes 0 ... 255: x ≈ scale · (byte - zero). The range of its own smallest and largest element, and
// of 0, is cut into 255 steps, so a row's bytes depend on nothing but the row. A column of b becomes -127 ... 127, for
// LMK_PRODUCT_INT8_AVX2 with a scale so large that of bytes 8k + 0, 1, 4, 5, and of 8k + 2, 3, 6, 7, those of one sign
// add up to 128 at most: w ≈ scale · byte. Rows and columns that hold what is not finite get the scale NaN.
#ifndef LMK_QUANTIZE_H
#define LMK_QUANTIZE_H

#include <stdint.h>

#include "lmk_product.h"

/// scales and zeros of rows first_row ..< first_row + rows of a [m, depth], which is not transposed; padded to whole
/// tiles with zeros.
void lmk_quantize_rows(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long depth, float *scales, int32_t *zeros);
/// Packs these rows, depth first ..< first + depth (at most LMK_DEPTH_WORDS words): [rows][LMK_ROW_WORDS].
void lmk_pack_bytes(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, const float *scales,
    const int32_t *zeros, uint32_t *packed);
/// Quantises and packs `count` columns of b [depth, n] from `column` on, float32, into panels `panel_stride` words
/// apart. Scales, and the sums of a column's bytes, are padded to whole panels with zeros.
void lmk_pack_quantized_columns(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long depth, uint32_t *packed,
    long panel_stride, float *scales, int32_t *sums);

#endif
