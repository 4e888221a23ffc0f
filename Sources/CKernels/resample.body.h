// row[i] = Σ_k weights[k] · source[k·stride + i]: four source rows a time, so that the row is seldom written.
#define LMK_BLEND(blend, element)                                                                                    \
  static void LMK_NAME(blend)(                                                                                       \
      long count, long n, const element *restrict source, long stride, const float *weights, float *restrict row) {  \
    for (long i = 0; i < n; i++) row[i] = weights[0] * (float)source[i];                                             \
    long k = 1;                                                                                                      \
    for (; k + 3 < count; k += 4) {                                                                                  \
      const element *a = source + k * stride, *b = a + stride, *c = b + stride, *d = c + stride;                     \
      const float wa = weights[k], wb = weights[k + 1], wc = weights[k + 2], wd = weights[k + 3];                    \
      for (long i = 0; i < n; i++) {                                                                                 \
        LMK_FUSES                                                                                                    \
        row[i] += wa * (float)a[i] + wb * (float)b[i] + wc * (float)c[i] + wd * (float)d[i];                         \
      }                                                                                                              \
    }                                                                                                                \
    for (; k < count; k++) {                                                                                         \
      const element *a = source + k * stride;                                                                        \
      const float wa = weights[k];                                                                                   \
      for (long i = 0; i < n; i++) {                                                                                 \
        LMK_FUSES                                                                                                    \
        row[i] += wa * (float)a[i];                                                                                  \
      }                                                                                                              \
    }                                                                                                                \
  }
LMK_BLEND(blend_bytes, uint8_t)
LMK_BLEND(blend_words, uint16_t)
LMK_BLEND(blend_floats, float)
#undef LMK_BLEND

static float LMK_NAME(clip)(float value, float highest) {
  return value < 0 ? 0 : value > highest ? highest : value;
}

// Three channels in the first three lanes of four; the fourth carries the next pixel's red and is overwritten by it.
static void LMK_NAME(across_rgb)(const struct lmk_resampling *r, const float *row, float *output) {
  typedef float four __attribute__((vector_size(16)));
  const struct lmk_axis *axis = &r->across;
  const four scale = {r->scale[0], r->scale[1], r->scale[2], 0}, shift = {r->shift[0], r->shift[1], r->shift[2], 0};
  for (long x = 0; x < axis->outputs; x++) {
    LMK_FUSES
    const float *weights = axis->weights + x * axis->stride, *from = row + 3 * axis->first[x];
    four sum = {0, 0, 0, 0};
    for (long k = 0; k < axis->count[x]; k++) {
      LMK_FUSES
      four pixel;
      memcpy(&pixel, from + 3 * k, sizeof pixel);
      sum += weights[k] * pixel;
    }
    for (int c = 0; c < 4; c++) sum[c] = LMK_NAME(clip)(sum[c], r->highest);
    sum = sum * scale + shift;
    // Constant sizes are single stores.
    if (x + 1 < axis->outputs) memcpy(output + 3 * x, &sum, 4 * sizeof(float));
    else memcpy(output + 3 * x, &sum, 3 * sizeof(float));
  }
}

static void LMK_NAME(across_any)(const struct lmk_resampling *r, const float *row, float *output) {
  const struct lmk_axis *axis = &r->across;
  const long channels = r->channels;
  for (long x = 0; x < axis->outputs; x++) {
    const float *weights = axis->weights + x * axis->stride, *from = row + channels * axis->first[x];
    for (long c = 0; c < channels; c++) {
      float sum = 0;
      for (long k = 0; k < axis->count[x]; k++) {
        LMK_FUSES
        sum += weights[k] * from[k * channels + c];
      }
      output[x * channels + c] = LMK_NAME(clip)(sum, r->highest) * r->scale[c] + r->shift[c];
    }
  }
}

static void LMK_NAME(resample)(const struct lmk_resampling *r, float *row, float *output) {
  const long n = r->columns * r->channels;
  for (long y = 0; y < r->down.outputs; y++, output += r->across.outputs * r->channels) {
    const long count = r->down.count[y], start = r->down.first[y] * r->row_stride;
    const float *weights = r->down.weights + y * r->down.stride;
    if (r->bytes)
      LMK_NAME(blend_bytes)(count, n, r->bytes + start, r->row_stride, weights, row);
    else if (r->words)
      LMK_NAME(blend_words)(count, n, r->words + start, r->row_stride, weights, row);
    else
      LMK_NAME(blend_floats)(count, n, r->floats + start, r->row_stride, weights, row);
    if (r->channels == 3)
      LMK_NAME(across_rgb)(r, row, output);
    else
      LMK_NAME(across_any)(r, row, output);
  }
}
