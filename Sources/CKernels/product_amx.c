// The AMX micro-kernels (product_tile.h). A tile register holds sixteen rows of sixteen words: four registers hold the
// sums of 32 rows × 32 columns, and each step of sixteen words of depth loads two registers of a and two of b.
#include "product_tile.h"

#if defined(__x86_64__)
#include <string.h>

#include "instructions.h"

LMK_BEGIN_AMX

enum { side = LMK_AMX_SIDE, row_bytes = 4 * LMK_TILE_COLUMNS };

// The operand of LDTILECFG: bytes per row and number of rows of each tile register.
struct shapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};

void lmk_amx_begin(void) {
  struct shapes all;
  memset(&all, 0, sizeof all);
  all.palette = 1;
  for (int i = 0; i < 8; i++) {
    all.bytes[i] = 4 * side;
    all.rows[i] = side;
  }
  _tile_loadconfig(&all);
}

void lmk_amx_end(void) { _tile_release(); }

// Tile registers: 0 and 1 are the sums of the upper sixteen rows, 2 and 3 of the lower; 4 and 5 hold a, 6 and 7 hold b.
static inline __attribute__((always_inline)) void begin_sums(bool starts, bool has_lower, const struct lmk_tile *t) {
  const float *lower = t->sums + side * LMK_TILE_COLUMNS;
  if (starts) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    return;
  }
  _tile_loadd(0, t->sums, row_bytes);
  _tile_loadd(1, t->sums + side, row_bytes);
  if (!has_lower) return;
  _tile_loadd(2, lower, row_bytes);
  _tile_loadd(3, lower + side, row_bytes);
}

static inline __attribute__((always_inline)) void end_sums(bool has_lower, float *to, long row) {
  const long bytes = (long)sizeof *to * row;
  _tile_stored(0, to, bytes);
  _tile_stored(1, to + side, bytes);
  if (!has_lower) return;
  _tile_stored(2, to + side * row, bytes);
  _tile_stored(3, to + side * row + side, bytes);
}

// Sixteen words of depth. The registers are constants of the instructions.
#define MULTIPLY_ADD(kind, sums, a, b) ((kind) == LMK_BYTES ? _tile_dpbusd(sums, a, b) : _tile_dpbf16ps(sums, a, b))

// Software pipelining: each register is reloaded for the next step right after its last use, which hides the latency of
// the load.
static inline __attribute__((always_inline)) void compute(
    enum lmk_words kind, bool starts, bool has_lower, enum lmk_destination destination, const struct lmk_tile *t) {
  const uint32_t *upper = t->a, *lower = t->a + side * t->a_row, *b = t->b;
  const long a_bytes = 4 * t->a_row;
  begin_sums(starts, has_lower, t);
  if (t->words > 0) {
    _tile_loadd(4, upper, a_bytes);
    _tile_loadd(6, b, row_bytes);
    _tile_loadd(7, b + side, row_bytes);
    if (has_lower) _tile_loadd(5, lower, a_bytes);
  }
  for (long left = t->words; left > 0; left -= side) {
    const bool goes_on = left > side;
    upper += side;
    lower += side;
    b += side * LMK_TILE_COLUMNS;
    MULTIPLY_ADD(kind, 0, 4, 6);
    MULTIPLY_ADD(kind, 1, 4, 7);
    if (goes_on) _tile_loadd(4, upper, a_bytes);
    if (has_lower) MULTIPLY_ADD(kind, 2, 5, 6);
    if (goes_on) _tile_loadd(6, b, row_bytes);
    if (has_lower) {
      MULTIPLY_ADD(kind, 3, 5, 7);
      if (goes_on) _tile_loadd(5, lower, a_bytes);
    }
    if (goes_on) _tile_loadd(7, b + side, row_bytes);
  }
  if (destination == LMK_TO_FLOATS)
    end_sums(has_lower, t->c, t->c_row);
  else
    end_sums(has_lower, t->sums, LMK_TILE_COLUMNS);
}

#define TILE(name, kind, starts, destination)                             \
  static __attribute__((noinline)) void name(const struct lmk_tiles *t) { \
    if (t->first.rows > side)                                             \
      compute(kind, starts, true, destination, &t->first);                \
    else                                                                  \
      compute(kind, starts, false, destination, &t->first);               \
  }
TILE(first_pairs_to_sums, LMK_PAIRS, true, LMK_TO_SUMS)
TILE(first_pairs_to_floats, LMK_PAIRS, true, LMK_TO_FLOATS)
TILE(next_pairs_to_sums, LMK_PAIRS, false, LMK_TO_SUMS)
TILE(next_pairs_to_floats, LMK_PAIRS, false, LMK_TO_FLOATS)
TILE(first_bytes, LMK_BYTES, true, LMK_TO_SUMS)
TILE(next_bytes, LMK_BYTES, false, LMK_TO_SUMS)

lmk_tile_function lmk_amx_tile(enum lmk_words words, bool starts, enum lmk_destination destination) {
  if (words == LMK_BYTES) return starts ? first_bytes : next_bytes;
  if (destination == LMK_TO_FLOATS) return starts ? first_pairs_to_floats : next_pairs_to_floats;
  return starts ? first_pairs_to_sums : next_pairs_to_sums;
}

LMK_END_SET
#endif
