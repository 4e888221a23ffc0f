// The AVX2 micro-kernel (product_tile.h). The sums of a tile, two vectors of the right operand and one broadcast number
// fill fifteen of the sixteen registers.
#include "product_tile.h"
#include "instructions.h"

#if defined(__x86_64__)

LMK_BEGIN_AVX2

#define UNROLLED _Pragma("clang loop unroll(full)")

enum { lanes = 8, columns = LMK_AVX2_TILE_COLUMNS };
// Words of depth by which b is prefetched into L1.
enum { words_ahead = 8 };
// Rows of a addressed from one pointer register: at offsets 0, row and 2 · row, which x86 address modes give for free.
enum { rows_together = 3, row_groups = LMK_AVX2_TILE_ROWS / rows_together };

// One word of depth: rank-1 update of the sums.
static inline __attribute__((always_inline)) void step(
    bool by_rows, int rows, long row, long k, const float *const a[row_groups], const float *b,
    __m256 c[LMK_AVX2_TILE_ROWS][2]) {
  const __m256 left = _mm256_load_ps(b), right = _mm256_load_ps(b + lanes);
  UNROLLED for (int i = 0; i < rows; i++) {
    const float *number = by_rows ? &a[i / rows_together][i % rows_together * row + k] : &a[0][i + k];
    const __m256 value = _mm256_broadcast_ss(number);
    c[i][0] = _mm256_fmadd_ps(value, left, c[i][0]);
    c[i][1] = _mm256_fmadd_ps(value, right, c[i][1]);
  }
}

static inline __attribute__((always_inline)) void compute_tile(
    bool by_rows, bool starts, enum lmk_destination destination, int rows, const struct lmk_tile *t) {
  long row = t->a_row;
  const long next = by_rows ? 1 : LMK_AVX2_TILE_ROWS, words = t->words;
  const float *a[row_groups], *b = (const float *)t->b;
  const char *ahead = t->ahead;
  UNROLLED for (int g = 0; g < row_groups; g++) {
    a[g] = (const float *)t->a + (by_rows ? g * rows_together * row : 0);
  }
  // What will be written: its lines arrive while the sums are computed.
  UNROLLED for (int i = 0; i < rows; i++) _mm_prefetch((const char *)((float *)t->c + i * t->c_row), _MM_HINT_T0);
  __m256 c[LMK_AVX2_TILE_ROWS][2];
  UNROLLED for (int i = 0; i < rows; i++) {
    UNROLLED for (int j = 0; j < 2; j++)
      c[i][j] = starts ? _mm256_setzero_ps() : _mm256_load_ps(t->sums + i * columns + j * lanes);
  }
  long k = 0;
  for (; k + 3 < words; k += 4) {
    _mm_prefetch(ahead + LMK_AVX2_AHEAD_BYTES * k, _MM_HINT_T1);
    UNROLLED for (int i = 0; i < 4; i++) _mm_prefetch((const char *)(b + (words_ahead + i) * columns), _MM_HINT_T0);
    // Keep the stride and both row pointers in registers: computed addresses would take one for each row.
    if (by_rows) __asm__("" : "+r"(row), "+r"(a[0]), "+r"(a[1]));
    UNROLLED for (int i = 0; i < 4; i++) step(by_rows, rows, row, i * next, a, b + i * columns, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += 4 * next;
    b += 4 * columns;
  }
  for (; k < words; k++, b += columns) {
    step(by_rows, rows, row, 0, a, b, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += next;
  }
  UNROLLED for (int i = 0; i < rows; i++) {
    UNROLLED for (int j = 0; j < 2; j++) {
      const long column = j * lanes;
      if (destination == LMK_TO_SUMS) {
        _mm256_store_ps(t->sums + i * columns + column, c[i][j]);
      } else {
        const __m256 value = _mm256_add_ps(c[i][j], _mm256_loadu_ps(t->bias + column));
        _mm256_storeu_ps((float *)t->c + i * t->c_row + column, value);
      }
    }
  }
}

#define TILE(name, by_rows, starts, destination, rows)                       \
  static __attribute__((noinline)) void name(const struct lmk_tile *t) {     \
    compute_tile(by_rows, starts, destination, rows, t);                     \
  }
#define TILES(name, by_rows, starts)                    \
  TILE(name##_floats, by_rows, starts, LMK_TO_FLOATS, 6) \
  TILE(name##_6, by_rows, starts, LMK_TO_SUMS, 6)        \
  TILE(name##_4, by_rows, starts, LMK_TO_SUMS, 4)        \
  TILE(name##_2, by_rows, starts, LMK_TO_SUMS, 2)
TILES(by_rows_first, true, true)
TILES(by_rows_next, true, false)
TILES(by_columns_first, false, true)
TILES(by_columns_next, false, false)

// The micro-kernels of one layout: those of whole tiles, and to sums for 2, 4 and 6 rows.
struct kernels {
  lmk_tile_function floats;
  lmk_tile_function low[3];
};
#define KERNELS(name) {name##_floats, {name##_2, name##_4, name##_6}}
static const struct kernels all_kernels[2][2] = {
    {KERNELS(by_columns_next), KERNELS(by_columns_first)}, {KERNELS(by_rows_next), KERNELS(by_rows_first)}};

lmk_tile_function lmk_avx2_tile(bool by_rows, bool starts, enum lmk_destination destination) {
  const struct kernels *kernels = &all_kernels[by_rows][starts];
  return destination == LMK_TO_FLOATS ? kernels->floats : kernels->low[2];
}

lmk_tile_function lmk_avx2_edge(bool by_rows, bool starts, long rows) {
  return all_kernels[by_rows][starts].low[(rows - 1) / 2];
}

LMK_END_SET
#endif
