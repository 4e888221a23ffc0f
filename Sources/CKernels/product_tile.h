// The piece of c that stays in registers while the depth passes by, computed by vectors or by AMX.
#ifndef LMK_PRODUCT_TILE_H
#define LMK_PRODUCT_TILE_H
#include <stdbool.h>
#include <stdint.h>

#include "lmk_product.h"

/// Where a tile goes: to a buffer of sums, or, where nothing but a bias is added, straight into c.
enum lmk_destination { LMK_TO_SUMS, LMK_TO_FLOATS, LMK_TO_BFLOAT16, LMK_DESTINATIONS };

/// Bytes that a tile of vectors brings near, for each word of depth.
enum { LMK_AHEAD_BYTES = 16 };

/// What one tile is computed from and where it goes.
struct lmk_tile {
  long rows;  ///< those that are there; for vectors always all
  long words;
  const uint32_t *a;
  long a_row;  ///< words from one row of a to the next; of no meaning for a packed by columns
  const uint32_t *b;
  const char *ahead;  ///< prefetched meanwhile, a line every few steps; of no meaning for AMX
  float *sums;        ///< [rows][LMK_TILE_COLUMNS]
  void *c;
  long c_row;         ///< elements
  const float *bias;  ///< LMK_TILE_COLUMNS of them
};

typedef void (*lmk_tile_function)(const struct lmk_tile *);

/// `starts`: sums begin with zero, otherwise with what is in their buffer.
lmk_tile_function lmk_vector_tile(bool in_pairs, bool by_rows, bool starts, enum lmk_destination destination);

/// Tiles of AMX go to sums, or to floats without a bias; between its beginning and its end on the same thread.
lmk_tile_function lmk_amx_tile(bool starts, enum lmk_destination destination);
void lmk_amx_begin(void);
void lmk_amx_end(void);

#endif
