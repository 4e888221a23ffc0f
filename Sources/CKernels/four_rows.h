// Pixels of four rows side by side in sixteen lanes, for kernels that resample along rows. The including file has
// defined LMK_LANE, the type of a lane. No include guard: one inclusion per instruction set.
typedef LMK_LANE LMK_NAME(four) __attribute__((vector_size(16)));
typedef LMK_LANE LMK_NAME(sixteen) __attribute__((vector_size(64)));

static LMK_NAME(four) LMK_NAME(load_four)(const LMK_LANE *from) {
  LMK_NAME(four) values;
  memcpy(&values, from, sizeof values);
  return values;
}

// Sixteen lanes of four times four. No function: how it would be called depends on the instruction set.
#undef LMK_SIXTEEN
#undef LMK_FOUR_ROWS
#define LMK_SIXTEEN(a, b, c, d)                                                               \
  __builtin_shufflevector(                                                                    \
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),                                  \
      __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// Four lanes at `from` in each of four rows that are `stride` apart.
#define LMK_FOUR_ROWS(from, stride)                                                       \
  LMK_SIXTEEN(                                                                            \
      LMK_NAME(load_four)(from), LMK_NAME(load_four)((from) + (stride)),                  \
      LMK_NAME(load_four)((from) + 2 * (stride)), LMK_NAME(load_four)((from) + 3 * (stride)))
