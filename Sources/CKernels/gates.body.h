// σ(u) = 1/(1 + exp(−u))
static inline __attribute__((unused, always_inline)) float LMK_NAME(sigmoid)(float u) {
  return 1.0f / (1.0f + LMK_NAME(exponential)(-u));
}

LMK_INLINED void LMK_NAME(sigmoid_unit_typed)(long n, float a, float b, const void *x, void *y, int type) {
  LMK_IN_PLACE
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    const float value = LMK_NAME(get)(x, i, type);
    LMK_NAME(put)(y, i, type, value * LMK_NAME(sigmoid)(value * (a + b * value * value)));
  }
}

static void LMK_NAME(sigmoid_unit)(long n, float a, float b, const void *x, void *y, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(sigmoid_unit_typed), n, a, b, x, y)
}

LMK_INLINED void LMK_NAME(sigmoid_unit_gradient_typed)(
    long n, float a, float b, const void *x, const void *dy, void *dx, int type) {
  LMK_IN_PLACE
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    const float value = LMK_NAME(get)(x, i, type), square = value * value;
    const float s = LMK_NAME(sigmoid)(value * (a + b * square));
    const float slope = s + value * s * (1.0f - s) * (a + 3.0f * b * square);
    LMK_NAME(put)(dx, i, type, LMK_NAME(get)(dy, i, type) * slope);
  }
}

static void LMK_NAME(sigmoid_unit_gradient)(
    long n, float a, float b, const void *x, const void *dy, void *dx, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(sigmoid_unit_gradient_typed), n, a, b, x, dy, dx)
}

LMK_INLINED void LMK_NAME(gated_typed)(long rows, long width, const void *restrict x, void *restrict y, int type) {
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      const float gate = LMK_NAME(get)(x, 2 * r * width + i, type);
      const float value = LMK_NAME(get)(x, (2 * r + 1) * width + i, type);
      LMK_NAME(put)(y, r * width + i, type, gate * LMK_NAME(sigmoid)(gate) * value);
    }
}

static void LMK_NAME(gated)(long rows, long width, const void *x, void *y, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(gated_typed), rows, width, x, y)
}

LMK_INLINED void LMK_NAME(gated_gradient_typed)(
    long rows, long width, const void *restrict x, const void *restrict dy, void *restrict dx, int type) {
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      const float gate = LMK_NAME(get)(x, 2 * r * width + i, type);
      const float value = LMK_NAME(get)(x, (2 * r + 1) * width + i, type);
      const float slope = LMK_NAME(get)(dy, r * width + i, type), s = LMK_NAME(sigmoid)(gate);
      LMK_NAME(put)(dx, 2 * r * width + i, type, slope * value * (s + gate * s * (1.0f - s)));
      LMK_NAME(put)(dx, (2 * r + 1) * width + i, type, slope * gate * s);
    }
}

static void LMK_NAME(gated_gradient)(long rows, long width, const void *x, const void *dy, void *dx, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(gated_gradient_typed), rows, width, x, dy, dx)
}

LMK_INLINED void LMK_NAME(rotate_typed)(
    long vectors, long half, const float *restrict cosines, const float *restrict sines, const void *restrict x,
    void *restrict y, int type) {
  for (long v = 0; v < vectors; v++)
    for (long i = 0; i < half; i++) {
      LMK_FUSES
      const long first = 2 * v * half + i;
      const float a = LMK_NAME(get)(x, first, type), b = LMK_NAME(get)(x, first + half, type);
      LMK_NAME(put)(y, first, type, a * cosines[i] - b * sines[i]);
      LMK_NAME(put)(y, first + half, type, b * cosines[i] + a * sines[i]);
    }
}

static void LMK_NAME(rotate)(
    long vectors, long half, const float *cosines, const float *sines, const void *x, void *y, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(rotate_typed), vectors, half, cosines, sines, x, y)
}
