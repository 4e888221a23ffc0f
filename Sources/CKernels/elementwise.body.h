LMK_INLINED void LMK_NAME(add_typed)(long n, const void *a, const void *b, void *sum, int type) {
  LMK_IN_PLACE
  for (long i = 0; i < n; i++)
    LMK_NAME(put)(sum, i, type, LMK_NAME(get)(a, i, type) + LMK_NAME(get)(b, i, type));
}

static void LMK_NAME(add)(long n, const void *a, const void *b, void *sum, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(add_typed), n, a, b, sum)
}

static void LMK_NAME(add_scaled)(long n, float scale, const float *restrict x, float *restrict y) {
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    y[i] += scale * x[i];
  }
}

static void LMK_NAME(scale)(long n, float scale, const float *x, float *y) {
  LMK_IN_PLACE
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

LMK_INLINED void LMK_NAME(add_column_sums_typed)(
    long rows, long width, const void *restrict x, float *restrict sums, int type) {
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) sums[i] += LMK_NAME(get)(x, r * width + i, type);
}

static void LMK_NAME(add_column_sums)(long rows, long width, const void *x, float *sums, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(add_column_sums_typed), rows, width, x, sums)
}

LMK_INLINED void LMK_NAME(column_means_typed)(
    long rows, long width, const void *restrict x, float *restrict means, int type) {
  for (long first = 0; first < width; first += 16) {
    const long count = width - first < 16 ? width - first : 16;
    double sums[16] = {0};
    for (long r = 0; r < rows; r++)
      for (long i = 0; i < count; i++) sums[i] += (double)LMK_NAME(get)(x, r * width + first + i, type);
    for (long i = 0; i < count; i++) means[first + i] = (float)(sums[i] / (double)rows);
  }
}

static void LMK_NAME(column_means)(long rows, long width, const void *x, float *means, int type) {
  LMK_ONE_TYPE(type, LMK_NAME(column_means_typed), rows, width, x, means)
}

static void LMK_NAME(sum_of_squares)(long n, const float *restrict x, double *restrict result) {
  double sum = 0;
  for (long i = 0; i < n; i++) {
    LMK_REDUCES
    sum += (double)x[i] * (double)x[i];
  }
  *result = sum;
}
