// What becomes of a tile of sums.
#ifndef LMK_PRODUCT_EPILOGUE_H
#define LMK_PRODUCT_EPILOGUE_H
#include "lmk_product.h"

/// Sums [rows][LMK_TILE_COLUMNS] of which rows × columns numbers are meant, the first at (row, column) of the block.
struct lmk_sums {
  const float *sums;
  long row, rows, column, columns;
};

/// Stores what the epilogue makes of them.
void lmk_store_sums(const struct lmk_epilogue *epilogue, const struct lmk_sums *sums);
/// Brings near what storing them will read.
void lmk_bring_near(const struct lmk_epilogue *epilogue, const struct lmk_sums *sums);
#endif
