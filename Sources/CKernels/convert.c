#define LMK_BODY "convert.body.h"
#include "per_instruction_set.h"

void lmk_convert(long n, const void *from, int from_type, void *to, int to_type) {
  LMK_DISPATCH(convert, n, from, from_type, to, to_type)
}
