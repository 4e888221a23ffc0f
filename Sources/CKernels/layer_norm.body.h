LMK_INLINED void LMK_NAME(layer_norm_typed)(
    long rows, long width, const char *x, const float *restrict weight, const float *restrict bias, float epsilon,
    char *y, float *restrict mean, float *restrict rstd, int x_type, int y_type) {
  const long x_size = x_type == LMK_FLOAT32 ? 4 : 2, y_size = y_type == LMK_FLOAT32 ? 4 : 2;
  for (long r = 0; r < rows; r++, x += width * x_size, y += width * y_size) {
    const void *restrict from = x;
    void *restrict to = y;
    float sum = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      sum += LMK_NAME(get)(from, i, x_type);
    }
    const float m = sum / (float)width;
    float squares = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      const float centred = LMK_NAME(get)(from, i, x_type) - m;
      squares += centred * centred;
    }
    const float s = 1.0f / sqrtf(squares / (float)width + epsilon);
    LMK_WIDE
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      LMK_NAME(put)(to, i, y_type, (LMK_NAME(get)(from, i, x_type) - m) * s * weight[i] + bias[i]);
    }
    mean[r] = m;
    rstd[r] = s;
  }
}

static void LMK_NAME(layer_norm)(
    long rows, long width, const void *x, int x_type, const float *weight, const float *bias, float epsilon, void *y,
    int y_type, float *mean, float *rstd) {
  LMK_TWO_TYPES(
      x_type, y_type, LMK_NAME(layer_norm_typed), rows, width, x, weight, bias, epsilon, y, mean, rstd)
}

// With x̂ = (x - mean)·s and g = dy·weight: dx = s·(g - mean(g) - x̂·mean(g·x̂)).
LMK_INLINED void LMK_NAME(layer_norm_gradient_typed)(
    long rows, long width, const char *x, const float *restrict weight, const float *restrict mean,
    const float *restrict rstd, const char *dy, char *dx, float *restrict dweight, float *restrict dbias,
    int x_type, int dy_type, int dx_type) {
  const long x_size = x_type == LMK_FLOAT32 ? 4 : 2, dy_size = dy_type == LMK_FLOAT32 ? 4 : 2;
  const long dx_size = dx_type == LMK_FLOAT32 ? 4 : 2;
  for (long r = 0; r < rows; r++, x += width * x_size, dy += width * dy_size, dx += width * dx_size) {
    const void *restrict value = x, *restrict slope = dy;
    void *restrict to = dx;
    const float m = mean[r], s = rstd[r];
    float sum = 0, product = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      const float normed = (LMK_NAME(get)(value, i, x_type) - m) * s, d = LMK_NAME(get)(slope, i, dy_type);
      const float g = d * weight[i];
      sum += g;
      product += g * normed;
      dweight[i] += d * normed;
      dbias[i] += d;
    }
    const float mean_g = sum / (float)width, mean_product = product / (float)width;
    LMK_WIDE
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      const float normed = (LMK_NAME(get)(value, i, x_type) - m) * s, d = LMK_NAME(get)(slope, i, dy_type);
      LMK_NAME(put)(to, i, dx_type, s * (d * weight[i] - mean_g - normed * mean_product));
    }
  }
}

static void LMK_NAME(layer_norm_gradient)(
    long rows, long width, const void *x, int x_type, const float *weight, const float *mean,
    const float *rstd, const void *dy, int dy_type, void *dx, int dx_type, float *dweight, float *dbias) {
  LMK_THREE_TYPES(
      x_type, dy_type, dx_type, LMK_NAME(layer_norm_gradient_typed), rows, width, x, weight, mean, rstd,
      dy, dx, dweight, dbias)
}
