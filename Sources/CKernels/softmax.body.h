static void LMK_NAME(softmax)(
    long rows, long columns, float scale, float *restrict x, float *restrict log_sum) {
  for (long r = 0; r < rows; r++, x += columns) {
    float largest = x[0];
    for (long i = 1; i < columns; i++) {
      LMK_REDUCES
      largest = x[i] > largest ? x[i] : largest;
    }
    float sum = 0;
    for (long i = 0; i < columns; i++) {
      LMK_REDUCES
      x[i] = LMK_NAME(exponential)(scale * (x[i] - largest));
      sum += x[i];
    }
    const float inverse = 1.0f / sum;
    for (long i = 0; i < columns; i++) x[i] *= inverse;
    log_sum[r] = scale * largest + logf(sum);
  }
}

static void LMK_NAME(softmax_again)(
    long rows, long columns, float scale, float *restrict x, const float *restrict log_sum) {
  for (long r = 0; r < rows; r++, x += columns) {
    for (long i = 0; i < columns; i++) {
      LMK_FUSES
      x[i] = LMK_NAME(exponential)(scale * x[i] - log_sum[r]);
    }
  }
}

static void LMK_NAME(softmax_gradient)(
    long rows, long columns, float scale, const float *restrict y, float *restrict dy) {
  for (long r = 0; r < rows; r++, y += columns, dy += columns) {
    float product = 0;
    for (long i = 0; i < columns; i++) {
      LMK_REDUCES
      product += y[i] * dy[i];
    }
    for (long i = 0; i < columns; i++) {
      LMK_FUSES
      dy[i] = scale * y[i] * (dy[i] - product);
    }
  }
}
