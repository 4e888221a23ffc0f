static void LMK_NAME(normalize)(
    long rows, long width, const float *restrict x, float *restrict y, float *restrict norms) {
  for (long r = 0; r < rows; r++, x += width, y += width) {
    float squares = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      squares += x[i] * x[i];
    }
    const float norm = sqrtf(squares);
    const float inverse = 1.0f / (norm > 1e-12f ? norm : 1e-12f);
    for (long i = 0; i < width; i++) y[i] = x[i] * inverse;
    norms[r] = norm;
  }
}

// dx = (dy - y (y·dy)) / norm; where the norm was raised to 1e-12 it is a constant and dx = dy / 1e-12.
static void LMK_NAME(normalize_gradient)(
    long rows, long width, const float *restrict y, const float *restrict norms, const float *restrict dy,
    float *restrict dx) {
  for (long r = 0; r < rows; r++, y += width, dy += width, dx += width) {
    const int raised = !(norms[r] > 1e-12f);
    const float inverse = 1.0f / (raised ? 1e-12f : norms[r]);
    float product = 0;
    for (long i = 0; i < width; i++) {
      LMK_REDUCES
      product += y[i] * dy[i];
    }
    if (raised) product = 0;
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      dx[i] = (dy[i] - y[i] * product) * inverse;
    }
  }
}

// Down the rows of each column: y = (x - mean) / (std + epsilon), std over rows - 1. inverse_deviation is 1 / (std + epsilon).
static void LMK_NAME(standardize)(
    long rows, long width, const float *restrict x, float epsilon, float *restrict y, float *restrict mean,
    float *restrict inverse_deviation) {
  memset(mean, 0, sizeof(float) * (size_t)width);
  memset(inverse_deviation, 0, sizeof(float) * (size_t)width);
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) mean[i] += x[r * width + i];
  for (long i = 0; i < width; i++) mean[i] /= (float)rows;
  for (long r = 0; r < rows; r++) {
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      const float centred = x[r * width + i] - mean[i];
      inverse_deviation[i] += centred * centred;
    }
  }
  for (long i = 0; i < width; i++)
    inverse_deviation[i] = 1.0f / (sqrtf(inverse_deviation[i] / (float)(rows - 1)) + epsilon);
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i++) y[r * width + i] = (x[r * width + i] - mean[i]) * inverse_deviation[i];
}

// With q = 1 / (std + ε), std = 1/q - ε: dx = q·(dy - mean(dy)) - y · Σ(dy·y) / ((rows - 1)·std). A constant column has no
// direction to move its deviation in: the second term is 0 there.
static void LMK_NAME(standardize_gradient)(
    long rows, long width, const float *restrict y, const float *restrict inverse_deviation, float epsilon,
    const float *restrict dy, float *restrict dx, float *restrict mean_dy, float *restrict mean_product) {
  memset(mean_dy, 0, sizeof(float) * (size_t)width);
  memset(mean_product, 0, sizeof(float) * (size_t)width);
  for (long r = 0; r < rows; r++) {
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      mean_dy[i] += dy[r * width + i];
      mean_product[i] += dy[r * width + i] * y[r * width + i];
    }
  }
  for (long i = 0; i < width; i++) {
    const float deviation = 1.0f / inverse_deviation[i] - epsilon;
    mean_dy[i] /= (float)rows;
    mean_product[i] = deviation > 0 ? mean_product[i] / ((float)(rows - 1) * deviation) : 0;
  }
  for (long r = 0; r < rows; r++) {
    for (long i = 0; i < width; i++) {
      LMK_FUSES
      dx[r * width + i] =
          inverse_deviation[i] * (dy[r * width + i] - mean_dy[i]) - y[r * width + i] * mean_product[i];
    }
  }
}
