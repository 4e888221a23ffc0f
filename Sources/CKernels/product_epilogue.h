// The epilogue of a product: from a tile's sums to stored values.
#ifndef LMK_PRODUCT_EPILOGUE_H
#define LMK_PRODUCT_EPILOGUE_H
#include "lmk_product.h"

/// A tile's sums [rows][lmk_tile_columns]. The first `columns` of each row are valid; the first sum belongs to
/// (row, column) of the block.
struct lmk_sums {
  float *sums;
  long row, rows, column, columns;
};

/// Applies the epilogue and stores the result.
void lmk_store_sums(int arithmetic, const struct lmk_epilogue *epilogue, const struct lmk_sums *sums);
/// The same for tiles for AVX2.
void lmk_store_sums_avx2(const struct lmk_epilogue *epilogue, const struct lmk_sums *sums);
/// Prefetches what lmk_store_sums will read.
void lmk_prefetch_for_epilogue(const struct lmk_epilogue *epilogue, const struct lmk_sums *sums);
#endif
