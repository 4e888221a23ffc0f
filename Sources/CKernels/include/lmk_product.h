// Pieces of matrix products c = a·b for processors with AVX-512: packing of both operands, and the product of a packed
// block. Everything packed is made of 32-bit words: a float, or two bfloat16 that follow each other along the depth.
#ifndef LMK_PRODUCT_H
#define LMK_PRODUCT_H

#include <stdint.h>

#include "lmk_elements.h"

/// How a product is computed. Rounded: operands rounded to bfloat16, products and sums in float32 by ordinary
/// multiply-adds; pairs: the same by VDPBF16PS; AMX: by AMX.
enum { LMK_PRODUCT_FLOAT32 = 0, LMK_PRODUCT_ROUNDED = 1, LMK_PRODUCT_PAIRS = 2, LMK_PRODUCT_AMX = 3 };

/// The size of the piece of c that stays in registers: of vectors, or of AMX.
enum { LMK_TILE_ROWS = 14, LMK_TILE_COLUMNS = 32, LMK_AMX_TILE_ROWS = 32 };
/// Rows, and words of a row, of one register of AMX.
enum { LMK_AMX_SIDE = 16 };
/// Words of depth that may be treated at once, and from one packed row of a to the next: a little more, because rows a
/// power of two apart would meet in the same sets of L1.
enum { LMK_DEPTH_WORDS = 512, LMK_ROW_WORDS = 528 };

/// A matrix in memory, rows of the stored one `stride` elements apart; `transposed`: the one meant is its transpose.
struct lmk_matrix {
  const void *data;
  long stride;
  int type;
  int transposed;
};

/// What becomes of a product before it is stored.
enum {
  /// c = alpha·sum + bias + residual + beta·c
  LMK_STORE = 0,
  /// before = sum + bias (where before is given); c = gelu(sum + bias)
  LMK_STORE_GELU = 1,
  /// c = sum · gelu'(before); before = gelu(before)
  LMK_STORE_GELU_GRADIENT = 2,
};

struct lmk_epilogue {
  int kind;
  float alpha, beta;
  const float *bias;      ///< a number per column, or NULL
  const float *residual;  ///< the shape of c, or NULL
  long residual_stride;
  void *before;  ///< numbers of c's type and stride, or NULL
  void *c;
  long stride;
  int type;
};

/// The rows of a tile of that arithmetic.
long lmk_tile_rows(int arithmetic);
/// Words that `depth` elements of a row of a, or of a column of b as it is kept, are packed into.
long lmk_a_words(int arithmetic, long depth);
long lmk_b_words(int arithmetic, long depth);
/// Words from one packed tile of a to the next.
long lmk_a_tile_words(int arithmetic, int transposed, long depth);

/// Packs rows first_row ..< first_row + rows and depth first ..< first + depth (at most LMK_DEPTH_WORDS words) of a [m,
/// k], rows rounded up to whole tiles. Row-major a, and any a for AMX: [rows][LMK_ROW_WORDS]; transposed a for vectors:
/// [tiles], `lmk_a_tile_words` apart, of [words][LMK_TILE_ROWS].
void lmk_pack_a(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed);

/// Packs columns column ..< column + count, depth first ..< first + depth of b [k, n]: panels, `panel_stride` words
/// apart, of [words][LMK_TILE_COLUMNS], zeros behind the last column and, up to `lmk_b_words`, behind the depth.
void lmk_pack_b(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed,
    long panel_stride);

/// One block of a product, on the caller's thread.
struct lmk_block {
  int arithmetic;
  int a_is_transposed;  ///< how a was packed
  int starts, ends;     ///< whether this is the first, the last part of the depth
  long rows, columns, depth;
  const uint32_t *a;    ///< packed rows: those that are not read in place
  /// Where a's first row lies, in words, for rows that are read as they are in memory: the first whole tiles. NULL: all
  /// are packed.
  const uint32_t *in_place;
  long in_place_row;  ///< words from one row to the next
  const uint32_t *b;  ///< the first panel's words of this part
  long panel_stride;  ///< words from one panel of b to the next
  /// Sums between parts, [panels][tiles][lmk_tile_rows][32]; not needed where starts and ends.
  float *sums;
  /// A panel of b as floats, [depth rounded up to even][32]; needed for LMK_PRODUCT_ROUNDED.
  float *expanded;
  /// c, residual and before at the block's first row and column, the bias at its first column.
  struct lmk_epilogue epilogue;
};
void lmk_product_block(const struct lmk_block *block);

#endif
