// Packing for the AVX2 micro-kernel, as lmk_product.h says for LMK_PRODUCT_AVX2: operands are float32.
#ifndef LMK_PRODUCT_PACK_H
#define LMK_PRODUCT_PACK_H
#include "lmk_product.h"

void lmk_pack_a_avx2(
    const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed);
void lmk_pack_b_avx2(
    const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed, long panel_stride);
#endif
