#define LMK_BODY "dropout.body.h"
#include "per_instruction_set.h"

void lmk_dropout(
    long rows, long width, const void *x, void *y, int type, const struct lmk_stream *stream, uint32_t first,
    uint32_t threshold, float scale) {
  LMK_DISPATCH(dropout, rows, width, x, y, type, stream, first, threshold, scale)
}
