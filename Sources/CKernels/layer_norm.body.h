static void LMK_NAME(layer_norm)(
    long rows, long width, const float *restrict x, const float *restrict weight, const float *restrict bias,
    float epsilon, float *restrict y, float *restrict mean, float *restrict inverse_deviation) {
  for (long r = 0; r < rows; r++, x += width, y += width) {
    float sum = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      sum += x[i];
    }
    const float m = sum / (float)width;
    float squares = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      squares += (x[i] - m) * (x[i] - m);
    }
    const float s = 1.0f / sqrtf(squares / (float)width + epsilon);
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      y[i] = (x[i] - m) * s * weight[i] + bias[i];
    }
    mean[r] = m;
    inverse_deviation[r] = s;
  }
}

// With x̂ = (x - mean)·s and g = dy·weight: dx = s·(g - mean(g) - x̂·mean(g·x̂)).
static void LMK_NAME(layer_norm_gradient)(
    long rows, long width, const float *restrict x, const float *restrict weight, const float *restrict mean,
    const float *restrict inverse_deviation, const float *restrict dy, float *restrict dx, float *restrict dweight,
    float *restrict dbias) {
  for (long r = 0; r < rows; r++, x += width, dy += width, dx += width) {
    const float m = mean[r], s = inverse_deviation[r];
    float sum = 0, product = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      const float normed = (x[i] - m) * s;
      const float g = dy[i] * weight[i];
      sum += g;
      product += g * normed;
      dweight[i] += dy[i] * normed;
      dbias[i] += dy[i];
    }
    const float mean_g = sum / (float)width, mean_product = product / (float)width;
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      dx[i] = s * (dy[i] * weight[i] - mean_g - (x[i] - m) * s * mean_product);
    }
  }
}
