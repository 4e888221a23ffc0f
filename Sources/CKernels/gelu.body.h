static void LMK_NAME(gelu)(long n, const float *restrict x, float *restrict y) {
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    y[i] = x[i] * (0.5f + 0.5f * LMK_NAME(error_function)(x[i] * 0.707106781f));
  }
}

static void LMK_NAME(gelu_gradient)(long n, const float *restrict x, const float *restrict dy, float *restrict dx) {
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    const float below = 0.5f + 0.5f * LMK_NAME(error_function)(x[i] * 0.707106781f);
    const float density = 0.398942280f * LMK_NAME(exponential)(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (below + x[i] * density);
  }
}
