// The AVX2 micro-kernels (product_tile.h). The sums of a tile, two vectors of the right operand and one broadcast
// number fill fifteen of the sixteen registers.
#include "product_tile.h"

#if defined(__x86_64__)
#include "instructions.h"

#define UNROLLED _Pragma("clang loop unroll(full)")

enum { lanes = 8, columns = LMK_AVX2_TILE_COLUMNS };
// Words of depth by which b is prefetched into L1.
enum { words_ahead = 8 };
// Words of depth in one round of the loop.
enum { words_together = 4 };
// Rows of a addressed from one pointer register: at offsets 0, row and 2 · row, which x86 address modes give for free.
enum { rows_together = 3, row_groups = LMK_AVX2_TILE_ROWS / rows_together };

#define TILE(name, kind, by_rows, starts, destination, rows)                           \
  static __attribute__((noinline)) void name(const struct lmk_tiles *t) {              \
    struct lmk_tile tile = t->first;                                                   \
    for (long left = t->count; left > 0; left--) {                                     \
      LMK_NAME(compute_tile)(kind, by_rows, starts, destination, rows, &tile);         \
      lmk_move_down(&tile, t->a_step, columns, LMK_AVX2_AHEAD_BYTES);                  \
    }                                                                                  \
  }
#define TILES(name, kind, by_rows, starts)                     \
  TILE(name##_floats, kind, by_rows, starts, LMK_TO_FLOATS, 6) \
  TILE(name##_6, kind, by_rows, starts, LMK_TO_SUMS, 6)        \
  TILE(name##_4, kind, by_rows, starts, LMK_TO_SUMS, 4)        \
  TILE(name##_2, kind, by_rows, starts, LMK_TO_SUMS, 2)

LMK_BEGIN_AVX2
#define LMK_NAME(operation) operation##_avx2
#include "product_vectors_avx2.body.h"
TILES(by_rows_first, LMK_FLOATS, true, true)
TILES(by_rows_next, LMK_FLOATS, true, false)
TILES(by_columns_first, LMK_FLOATS, false, true)
TILES(by_columns_next, LMK_FLOATS, false, false)
TILES(bytes_first, LMK_BYTES, true, true)
TILES(bytes_next, LMK_BYTES, true, false)
#undef LMK_NAME
LMK_END_SET

LMK_BEGIN_AVXVNNI
#define LMK_HAS_AVXVNNI
#define LMK_NAME(operation) operation##_avxvnni
#include "product_vectors_avx2.body.h"
TILES(dot_products_first, LMK_BYTES, true, true)
TILES(dot_products_next, LMK_BYTES, true, false)
#undef LMK_NAME
LMK_END_SET

// The micro-kernels of one layout: those of whole tiles, and to sums for 2, 4 and 6 rows.
struct kernels {
  lmk_tile_function floats;
  lmk_tile_function low[3];
};
#define KERNELS(name) {name##_floats, {name##_2, name##_4, name##_6}}
static const struct kernels all_kernels[4][2] = {
    {KERNELS(by_columns_next), KERNELS(by_columns_first)},
    {KERNELS(by_rows_next), KERNELS(by_rows_first)},
    {KERNELS(bytes_next), KERNELS(bytes_first)},
    {KERNELS(dot_products_next), KERNELS(dot_products_first)}};

static const struct kernels *kernels_of(int arithmetic, bool by_rows, bool starts) {
  if (arithmetic == LMK_PRODUCT_AVX2) return &all_kernels[by_rows][starts];
  return &all_kernels[arithmetic == LMK_PRODUCT_INT8_AVX2 ? 2 : 3][starts];
}

lmk_tile_function lmk_avx2_tile(int arithmetic, bool by_rows, bool starts, enum lmk_destination destination) {
  const struct kernels *kernels = kernels_of(arithmetic, by_rows, starts);
  return destination == LMK_TO_FLOATS ? kernels->floats : kernels->low[2];
}

lmk_tile_function lmk_avx2_edge(int arithmetic, bool by_rows, bool starts, long rows) {
  return kernels_of(arithmetic, by_rows, starts)->low[(rows - 1) / 2];
}
#endif
