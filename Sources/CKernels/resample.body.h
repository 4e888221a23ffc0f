// row[i] = Σ_k weights[k] · source[k·stride + i], four source rows at a time to save passes over `row`.
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

typedef float LMK_NAME(four) __attribute__((vector_size(16)));
typedef float LMK_NAME(sixteen) __attribute__((vector_size(64)));

static LMK_NAME(four) LMK_NAME(load_four)(const float *from) {
  LMK_NAME(four) values;
  memcpy(&values, from, sizeof values);
  return values;
}

// Concatenates four vectors of four lanes. A macro, because the calling convention of a function with 64-byte vectors
// depends on the instruction set.
#define LMK_SIXTEEN(a, b, c, d)                                                               \
  __builtin_shufflevector(                                                                    \
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),                                  \
      __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// Four elements at `from` in each of four rows, `stride` elements apart.
#define LMK_FOUR_ROWS(from, stride)                                                       \
  LMK_SIXTEEN(                                                                            \
      LMK_NAME(load_four)(from), LMK_NAME(load_four)((from) + (stride)),                  \
      LMK_NAME(load_four)((from) + 2 * (stride)), LMK_NAME(load_four)((from) + 3 * (stride)))

// Up to four rows at once, `stride` floats apart, each in four lanes: red, green, blue, and a fourth lane that holds
// the next pixel's red; its result is stored too and then overwritten by the next pixel's.
static void LMK_NAME(across_rgb)(
    const struct lmk_resampling *r, const float *rows, long stride, long count, float *output) {
  const struct lmk_axis *axis = &r->across;
  const LMK_NAME(four) scale_one = {r->scale[0], r->scale[1], r->scale[2], 0};
  const LMK_NAME(four) shift_one = {r->shift[0], r->shift[1], r->shift[2], 0};
  const LMK_NAME(sixteen) scale = LMK_SIXTEEN(scale_one, scale_one, scale_one, scale_one);
  const LMK_NAME(sixteen) shift = LMK_SIXTEEN(shift_one, shift_one, shift_one, shift_one);
  const LMK_NAME(sixteen) lowest = {0}, highest = lowest + r->highest;
  for (long x = 0; x < axis->outputs; x++) {
    LMK_FUSES
    const float *weights = axis->weights + x * axis->stride, *from = rows + 3 * axis->first[x];
    LMK_NAME(sixteen) sum = {0};
    for (long k = 0; k < axis->count[x]; k++) {
      LMK_FUSES
      const float *pixel = from + 3 * k;
      sum += weights[k] * LMK_FOUR_ROWS(pixel, stride);
    }
    sum = __builtin_elementwise_min(__builtin_elementwise_max(sum, lowest), highest) * scale + shift;
    // memcpy of a constant size compiles to a single store. The last pixel must not write beyond the row.
    for (long row = 0; row < count; row++) {
      float *target = output + (row * axis->outputs + x) * 3;
      if (x + 1 < axis->outputs) memcpy(target, (const float *)&sum + 4 * row, 4 * sizeof(float));
      else memcpy(target, (const float *)&sum + 4 * row, 3 * sizeof(float));
    }
  }
}
#undef LMK_SIXTEEN
#undef LMK_FOUR_ROWS

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

static void LMK_NAME(blend)(const struct lmk_resampling *r, long y, float *row) {
  const long n = r->columns * r->channels, count = r->down.count[y], start = r->down.first[y] * r->row_stride;
  const float *weights = r->down.weights + y * r->down.stride;
  if (r->bytes)
    LMK_NAME(blend_bytes)(count, n, r->bytes + start, r->row_stride, weights, row);
  else if (r->words)
    LMK_NAME(blend_words)(count, n, r->words + start, r->row_stride, weights, row);
  else
    LMK_NAME(blend_floats)(count, n, r->floats + start, r->row_stride, weights, row);
}

static void LMK_NAME(resample)(const struct lmk_resampling *r, float *rows, float *output) {
  const long stride = r->columns * r->channels + 4, size = r->across.outputs * r->channels;
  for (long y = 0; y < r->down.outputs; y += 4) {
    const long left = r->down.outputs - y, count = left < 4 ? left : 4;
    for (long row = 0; row < count; row++) LMK_NAME(blend)(r, y + row, rows + row * stride);
    if (r->channels == 3) {
      LMK_NAME(across_rgb)(r, rows, stride, count, output + y * size);
    } else {
      for (long row = 0; row < count; row++)
        LMK_NAME(across_any)(r, rows + row * stride, output + (y + row) * size);
    }
  }
}
