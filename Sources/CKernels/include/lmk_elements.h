// How numbers are stored in memory.
#ifndef LMK_ELEMENTS_H
#define LMK_ELEMENTS_H

/// bfloat16: the upper half of a float.
enum { LMK_FLOAT32 = 0, LMK_BFLOAT16 = 1 };

/// Converts n numbers; to bfloat16 they are rounded to the nearest, ties to even.
void lmk_convert(long n, const void *from, int from_type, void *to, int to_type);

#endif
