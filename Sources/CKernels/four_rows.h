// Loads pixels of four rows into one vector of sixteen lanes, for horizontal resampling. Define LMK_LANE, the lane
// type, before including. No include guard: included once per instruction set.
typedef LMK_LANE LMK_NAME(four) __attribute__((vector_size(16)));
typedef LMK_LANE LMK_NAME(sixteen) __attribute__((vector_size(64)));

static LMK_NAME(four) LMK_NAME(load_four)(const LMK_LANE *from) {
  LMK_NAME(four) values;
  memcpy(&values, from, sizeof values);
  return values;
}

#undef LMK_SIXTEEN
#undef LMK_FOUR_ROWS
// Concatenates four vectors of four lanes. A macro, because the calling convention of a function with 64-byte vectors
// depends on the instruction set.
#define LMK_SIXTEEN(a, b, c, d)                                                               \
  __builtin_shufflevector(                                                                    \
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),                                  \
      __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// Four elements at `from` in each of four rows, `stride` elements apart.
#define LMK_FOUR_ROWS(from, stride)                                                       \
  LMK_SIXTEEN(                                                                            \
      LMK_NAME(load_four)(from), LMK_NAME(load_four)((from) + (stride)),                  \
      LMK_NAME(load_four)((from) + 2 * (stride)), LMK_NAME(load_four)((from) + 3 * (stride)))
