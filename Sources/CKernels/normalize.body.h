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

// dx = (dy - y (y·dy)) / norm. A norm clamped to 1e-12 is a constant: dx = dy / 1e-12.
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

// Columns per block, so that their sums stay in registers or L1.
enum { LMK_NAME(columns_together) = 64 };

// Sums are double: a rounding error of the mean is the same in every row and would accumulate in later sums over rows.
static void LMK_NAME(standardize)(
    long rows, long width, const float *restrict x, float epsilon, float *restrict y, float *restrict rstd) {
  for (long first = 0; first < width; first += LMK_NAME(columns_together)) {
    const long columns = width - first < LMK_NAME(columns_together) ? width - first : LMK_NAME(columns_together);
    const float *from = x + first;
    float *to = y + first, *inverse = rstd + first;
    double mean[LMK_NAME(columns_together)] = {0}, squares[LMK_NAME(columns_together)] = {0};
    for (long r = 0; r < rows; r++)
      for (long i = 0; i < columns; i++) mean[i] += from[r * width + i];
    for (long i = 0; i < columns; i++) mean[i] /= (double)rows;
    for (long r = 0; r < rows; r++) {
      for (long i = 0; i < columns; i++) {
        LMK_FUSES
        const double centred = from[r * width + i] - mean[i];
        squares[i] += centred * centred;
      }
    }
    for (long i = 0; i < columns; i++)
      inverse[i] = 1.0f / ((float)sqrt(squares[i] / (double)(rows - 1)) + epsilon);
    for (long r = 0; r < rows; r++)
      for (long i = 0; i < columns; i++) to[r * width + i] = (float)(from[r * width + i] - mean[i]) * inverse[i];
  }
}

// With q = 1 / (std + ε), std = 1/q - ε: dx = q·(dy - mean(dy)) - y · Σ(dy·y) / ((rows - 1)·std). The derivative of std
// does not exist for a constant column; the second term is taken as 0 there.
static void LMK_NAME(standardize_gradient)(
    long rows, long width, const float *restrict y, const float *restrict rstd, float epsilon,
    const float *restrict dy, float *restrict dx) {
  for (long first = 0; first < width; first += LMK_NAME(columns_together)) {
    const long columns = width - first < LMK_NAME(columns_together) ? width - first : LMK_NAME(columns_together);
    const float *inverse = rstd + first;
    double mean[LMK_NAME(columns_together)] = {0}, product[LMK_NAME(columns_together)] = {0};
    for (long r = 0; r < rows; r++) {
      for (long i = 0; i < columns; i++) {
        LMK_FUSES
        const long at = r * width + first + i;
        mean[i] += dy[at];
        product[i] += (double)dy[at] * y[at];
      }
    }
    for (long i = 0; i < columns; i++) {
      const float deviation = 1.0f / inverse[i] - epsilon;
      mean[i] /= (double)rows;
      product[i] = deviation > 0 ? product[i] / ((double)(rows - 1) * deviation) : 0;
    }
    for (long r = 0; r < rows; r++) {
      for (long i = 0; i < columns; i++) {
        LMK_FUSES
        const long at = r * width + first + i;
        dx[at] = (float)(inverse[i] * (dy[at] - mean[i]) - y[at] * product[i]);
      }
    }
  }
}
