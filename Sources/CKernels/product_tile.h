// Micro-kernels: one tile of c, held in vector or AMX registers during the loop over the depth.
#ifndef LMK_PRODUCT_TILE_H
#define LMK_PRODUCT_TILE_H
#include <stdbool.h>
#include <stdint.h>

#include "lmk_product.h"

/// Where a tile is stored: in the buffer of sums, or straight in c if the epilogue adds no more than a bias.
enum lmk_destination { LMK_TO_SUMS, LMK_TO_FLOATS, LMK_TO_BFLOAT16, LMK_DESTINATIONS };

/// Bytes that the vector micro-kernels prefetch per word of depth: so that the tiles of a block fetch a whole panel.
enum { LMK_AHEAD_BYTES = 16, LMK_AVX2_AHEAD_BYTES = 4 };

/// Operands and destination of one tile.
struct lmk_tile {
  long rows;  ///< valid rows; a vector micro-kernel computes as many as it is for
  long words;
  const uint32_t *a;
  long a_row;  ///< stride of the rows of a, in words; unused if a is packed by columns
  const uint32_t *b;
  const char *ahead;  ///< what to prefetch; unused by AMX
  float *sums;        ///< [rows][lmk_tile_columns]
  void *c;
  long c_row;   ///< elements
  long c_size;  ///< bytes of an element
  const float *bias;  ///< lmk_tile_columns of them
  /// Of the tile's rows and columns, where int32 sums are to become floats; NULL pointers: they stay int32.
  struct lmk_scales quantized;
};

/// Tiles one below the other, of as many rows each. More than one is for the vector micro-kernels.
struct lmk_tiles {
  struct lmk_tile first;
  long count;
  long a_step;  ///< from a tile of a to the next, in words
};

/// Turns a tile of so many columns in the buffer of sums into the one below it.
static inline void lmk_move_down(struct lmk_tile *t, long a_step, long columns, long ahead_bytes) {
  t->a += a_step;
  t->ahead += ahead_bytes * t->words;
  t->sums += t->rows * columns;
  t->c = (char *)t->c + t->rows * t->c_row * t->c_size;
  if (!t->quantized.scales) return;
  t->quantized.scales += t->rows;
  t->quantized.zeros += t->rows;
}

/// What the words of packed operands hold.
enum lmk_words { LMK_FLOATS, LMK_PAIRS, LMK_BYTES };

typedef void (*lmk_tile_function)(const struct lmk_tiles *);

/// `starts`: the sums start from zero, else from what is in their buffer.
/// LMK_BYTES only by rows.
lmk_tile_function lmk_vector_tile(enum lmk_words words, bool by_rows, bool starts, enum lmk_destination destination);
/// To LMK_TO_SUMS, of a tile of which only so many rows and columns are needed: the quickest that computes these.
lmk_tile_function lmk_vector_edge(enum lmk_words words, bool by_rows, bool starts, long rows, long columns);

/// The same two with AVX2, for an arithmetic that has such tiles: not LMK_TO_BFLOAT16.
lmk_tile_function lmk_avx2_tile(int arithmetic, bool by_rows, bool starts, enum lmk_destination destination);
lmk_tile_function lmk_avx2_edge(int arithmetic, bool by_rows, bool starts, long rows);

/// Makes floats of int32 sums [rows][LMK_TILE_COLUMNS] where they lie, with AVX-512.
void lmk_dequantize_sums(const struct lmk_scales *scales, long rows, float *sums);

/// Converts pairs of bfloat16 [words][LMK_TILE_COLUMNS] to floats [2 · words][LMK_TILE_COLUMNS], with AVX-512.
void lmk_expand_pairs(long words, const uint32_t *pairs, float *to);

/// LMK_PAIRS or LMK_BYTES. Supports LMK_TO_SUMS, where bytes' stay int32, and for pairs LMK_TO_FLOATS without a bias.
/// Call its functions between lmk_amx_begin and lmk_amx_end on the same thread.
lmk_tile_function lmk_amx_tile(enum lmk_words words, bool starts, enum lmk_destination destination);
void lmk_amx_begin(void);
void lmk_amx_end(void);

#endif
