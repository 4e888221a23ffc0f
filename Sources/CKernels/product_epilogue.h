// What becomes of a tile of sums.
#ifndef LMK_PRODUCT_EPILOGUE_H
#define LMK_PRODUCT_EPILOGUE_H
#include "lmk_product.h"

/// Stores the rows × columns numbers of a tile [LMK_TILE_ROWS][LMK_TILE_COLUMNS] whose first is at (row, column) of the block.
void lmk_store_tile(
    const struct lmk_epilogue *epilogue, const float *sums, long row, long rows, long column, long columns);
/// Brings near what storing that tile will read.
void lmk_bring_tile_near(const struct lmk_epilogue *epilogue, long row, long rows, long column);
#endif
