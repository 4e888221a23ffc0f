static void LMK_NAME(add)(long n, const float *a, const float *b, float *sum) {
  for (long i = 0; i < n; i++) sum[i] = a[i] + b[i];
}

static void LMK_NAME(add_scaled)(long n, float scale, const float *restrict x, float *restrict y) {
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    y[i] += scale * x[i];
  }
}

static void LMK_NAME(scale)(long n, float scale, const float *x, float *y) {
  for (long i = 0; i < n; i++) y[i] = scale * x[i];
}

static void LMK_NAME(fill_rows)(long rows, long width, const float *bias, const float *residual, float *restrict y) {
  for (long r = 0; r < rows; r++, y += width) {
    if (bias && residual) {
      for (long i = 0; i < width; i++) y[i] = bias[i] + residual[r * width + i];
    } else {
      memcpy(y, bias ? bias : residual + r * width, sizeof(float) * (size_t)width);
    }
  }
}

static void LMK_NAME(add_column_sums)(long rows, long width, const float *restrict x, float *restrict sums) {
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) sums[i] += x[r * width + i];
}

static void LMK_NAME(sum_of_squares)(long n, const float *restrict x, double *restrict result) {
  double sum = 0;
  for (long i = 0; i < n; i++) {
    LMK_REDUCES
    sum += (double)x[i] * (double)x[i];
  }
  *result = sum;
}
