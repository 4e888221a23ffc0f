// Element types.
#ifndef LMK_ELEMENTS_H
#define LMK_ELEMENTS_H

/// bfloat16: the upper 16 bits of a float32.
enum { LMK_FLOAT32 = 0, LMK_BFLOAT16 = 1 };

/// Converts n elements; to bfloat16 with rounding to nearest, ties to even.
void lmk_convert(long n, const void *from, int from_type, void *to, int to_type);

#endif
