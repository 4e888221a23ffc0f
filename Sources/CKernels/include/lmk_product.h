// Building blocks of matrix products c = a·b for processors with AVX2 or AVX-512: packing of both operands, and the
// product of a packed block. "Depth" is the inner dimension k. Packed data are 32-bit words: one float, a pair of
// bfloat16 or four bytes that are adjacent in depth.
#ifndef LMK_PRODUCT_H
#define LMK_PRODUCT_H

#include <stdint.h>

#include "lmk_elements.h"

/// How a product is computed. ROUNDED: operands rounded to bfloat16, then float32 FMA; PAIRS: bfloat16 by VDPBF16PS;
/// AMX: bfloat16 by AMX tiles. Sums are float32 in these. INT8: operands quantised to eight bits, by VPDPBUSD, sums
/// int32 (lmk_quantize.h); INT8_AMX: the same bits by AMX tiles. AVX2: float32 as FLOAT32 has it, element for element,
/// by 256-bit FMA. INT8_AVXVNNI: as INT8, by the 256-bit VPDPBUSD of AVX-VNNI. INT8_AVX2: by VPMADDUBSW, four products
/// added up in 16 bits, columns scaled so that they fit. The others are by AVX-512. Results of the three for AVX2 are
/// stored as float32, operands of AVX2 are, too.
enum {
  LMK_PRODUCT_FLOAT32 = 0,
  LMK_PRODUCT_ROUNDED = 1,
  LMK_PRODUCT_PAIRS = 2,
  LMK_PRODUCT_AMX = 3,
  LMK_PRODUCT_INT8 = 4,
  LMK_PRODUCT_AVX2 = 5,
  LMK_PRODUCT_INT8_AVX2 = 6,
  LMK_PRODUCT_INT8_AVXVNNI = 7,
  LMK_PRODUCT_INT8_AMX = 8,
};

/// Whether it multiplies quantised operands; whether by tiles for AVX2, or for AMX.
int lmk_is_int8(int arithmetic);
int lmk_is_on_avx2(int arithmetic);
int lmk_is_on_amx(int arithmetic);

/// Size of the micro-kernel's tile of c, which is held in vector or AMX registers.
enum { LMK_TILE_ROWS = 14, LMK_TILE_COLUMNS = 32, LMK_AMX_TILE_ROWS = 32 };
enum { LMK_AVX2_TILE_ROWS = 6, LMK_AVX2_TILE_COLUMNS = 16 };
/// Rows, and words per row, of one AMX tile register.
enum { LMK_AMX_SIDE = 16 };
/// The most words of depth in one packed block, and the stride of packed rows of a: longer, because rows a power of two
/// apart would map to the same L1 sets.
enum { LMK_DEPTH_WORDS = 512, LMK_ROW_WORDS = 528 };

/// A row-major matrix, rows `stride` elements apart. If `transposed`, the operand is the transpose of what is stored.
struct lmk_matrix {
  const void *data;
  long stride;
  int type;
  int transposed;
};

/// Epilogue: what is applied to the sums before they are stored.
enum {
  /// c = alpha·sum + bias + residual + beta·c
  LMK_STORE = 0,
  /// before = sum + bias (if before is not NULL); c = gelu(sum + bias)
  LMK_STORE_GELU = 1,
  /// c = sum · gelu'(before); before = gelu(before)
  LMK_STORE_GELU_GRADIENT = 2,
};

struct lmk_epilogue {
  int kind;
  float alpha, beta;
  const float *bias;      ///< one per column, or NULL
  const float *residual;  ///< the shape of c, or NULL
  long residual_stride;
  void *before;  ///< type, shape and stride of c, or NULL
  void *c;
  long stride;
  int type;
};

/// Rows and columns of a micro-kernel tile.
long lmk_tile_rows(int arithmetic);
long lmk_tile_columns(int arithmetic);
/// Words that `depth` elements of a row of a, or of a column of b, are packed into.
long lmk_a_words(int arithmetic, long depth);
long lmk_b_words(int arithmetic, long depth);
/// Stride of packed tiles of a, in words.
long lmk_a_tile_words(int arithmetic, int transposed, long depth);

/// Packs rows first_row ..< first_row + rows and depth first ..< first + depth (at most LMK_DEPTH_WORDS words) of
/// a [m, k], rows padded to whole tiles. Layout of row-major a, and of any a for AMX: [rows][LMK_ROW_WORDS]. Layout of
/// transposed a for vectors: tiles of [words][lmk_tile_rows], `lmk_a_tile_words` apart.
void lmk_pack_a(
    int arithmetic, const struct lmk_matrix *a, long first_row, long rows, long first, long depth, uint32_t *packed);

/// Packs columns column ..< column + count and depth first ..< first + depth of b [k, n] into panels of
/// [words][lmk_tile_columns], `panel_stride` words apart. Columns are zero-padded to whole panels, the depth to
/// `lmk_b_words`.
void lmk_pack_b(
    int arithmetic, const struct lmk_matrix *b, long column, long count, long first, long depth, uint32_t *packed,
    long panel_stride);

/// How to turn int32 sums of quantised operands into floats: (sum - zero · column_sum) · scale · column_scale.
struct lmk_scales {
  const float *scales;        ///< of rows, padded to whole tiles
  const int32_t *zeros;       ///< of rows, padded to whole tiles
  const float *column_scales; ///< padded to whole panels
  const int32_t *column_sums; ///< padded to whole panels
};

/// One block of a product, on the caller's thread.
struct lmk_block {
  int arithmetic;
  int a_is_transposed;  ///< how a was packed
  int starts, ends;     ///< whether this block is the first, the last part of the depth
  long rows, columns, depth;
  const uint32_t *a;    ///< packed rows: those not read in place
  /// The first row of an unpacked a: whole tiles of rows are read from here, the remaining rows from `a`. NULL: all
  /// rows are packed.
  const uint32_t *in_place;
  long in_place_row;  ///< stride of its rows, in words
  const uint32_t *b;  ///< the first panel, from this part of the depth on
  long panel_stride;  ///< stride of the panels of b, in words
  /// Sums carried from one part of the depth to the next, [panels][tiles][lmk_tile_rows][lmk_tile_columns]; unused if
  /// the block both starts and ends.
  float *sums;
  /// Scratch for one panel of b as floats, [depth rounded up to even][32]; only for LMK_PRODUCT_ROUNDED.
  float *expanded;
  struct lmk_scales quantized;  ///< of the block's rows and columns; only for quantised operands
  /// Its pointers are to the block's first row and column.
  struct lmk_epilogue epilogue;
};
void lmk_product_block(const struct lmk_block *block);

#endif
