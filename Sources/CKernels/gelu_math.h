// Exact GELU, x·Φ(x), and its slope Φ(x) + x·φ(x). Included once per instruction set, behind vector_math.h.
struct LMK_NAME(gelu_both) {
  float value, slope;
};

static inline __attribute__((unused, always_inline)) float LMK_NAME(gelu_value)(float x) {
  LMK_FUSES
  return x * (0.5f + 0.5f * LMK_NAME(error_function)(x * 0.707106781f));
}

static inline __attribute__((unused, always_inline)) struct LMK_NAME(gelu_both) LMK_NAME(gelu_value_and_slope)(float x) {
  LMK_FUSES
  const float below = 0.5f + 0.5f * LMK_NAME(error_function)(x * 0.707106781f);
  const float density = 0.398942280f * LMK_NAME(exponential)(-0.5f * x * x);
  return (struct LMK_NAME(gelu_both)){x * below, below + x * density};
}
