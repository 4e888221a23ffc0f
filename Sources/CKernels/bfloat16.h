// Loads and stores of either element type inside loops. Included once per instruction set. The type is a compile-time
// constant where these are inlined, so each type gets its own loop.
static inline __attribute__((unused, always_inline)) float LMK_NAME(get)(const void *x, long i, int type) {
  if (type == LMK_FLOAT32) return ((const float *)x)[i];
  const uint32_t bits = (uint32_t)((const uint16_t *)x)[i] << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds to nearest, ties to even; NaN stays NaN. (The AVX-512 instruction flushes denormals to zero.)
static inline __attribute__((unused, always_inline)) void LMK_NAME(put)(void *y, long i, int type, float value) {
  if (type == LMK_FLOAT32) {
    ((float *)y)[i] = value;
    return;
  }
#if defined(LMK_HAS_BFLOAT16) && !defined(LMK_SIMULATED)
  ((__bf16 *)y)[i] = (__bf16)value;
#else
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u), quiet = bits | 0x400000u;
  ((uint16_t *)y)[i] = (uint16_t)(((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded) >> 16);
#endif
}
