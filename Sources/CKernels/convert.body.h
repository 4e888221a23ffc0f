LMK_INLINED void LMK_NAME(convert_typed)(
    long n, const void *restrict from, void *restrict to, int from_type, int to_type) {
  LMK_WIDE
  for (long i = 0; i < n; i++) LMK_NAME(put)(to, i, to_type, LMK_NAME(get)(from, i, from_type));
}

static void LMK_NAME(convert)(long n, const void *from, int from_type, void *to, int to_type) {
  LMK_TWO_TYPES(from_type, to_type, LMK_NAME(convert_typed), n, from, to)
}
