// Sums start from one half, so that the right shift rounds to nearest.
enum { LMK_NAME(half) = 1 << (LMK_WEIGHT_BITS - 1) };

static int32_t LMK_NAME(level)(int32_t sum) {
  const int32_t level = sum >> LMK_WEIGHT_BITS;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

// row[i] = Σ_k weights[k] · source[k·stride + i], rounded to a level; four source rows at a time to save passes over
// `row`.
static void LMK_NAME(blend_levels)(
    long count, long n, const uint8_t *restrict source, long stride, const int32_t *weights, int32_t *restrict row) {
  for (long i = 0; i < n; i++) row[i] = LMK_NAME(half) + weights[0] * source[i];
  long k = 1;
  for (; k + 3 < count; k += 4) {
    const uint8_t *a = source + k * stride, *b = a + stride, *c = b + stride, *d = c + stride;
    const int32_t wa = weights[k], wb = weights[k + 1], wc = weights[k + 2], wd = weights[k + 3];
    for (long i = 0; i < n; i++) row[i] += wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
  for (; k < count; k++) {
    const uint8_t *a = source + k * stride;
    const int32_t wa = weights[k];
    for (long i = 0; i < n; i++) row[i] += wa * a[i];
  }
  for (long i = 0; i < n; i++) row[i] = LMK_NAME(level)(row[i]);
}

typedef int32_t LMK_NAME(sixteen) __attribute__((vector_size(64)));
// The same in memory of any alignment.
typedef int32_t LMK_NAME(stored_sixteen) __attribute__((vector_size(64), aligned(4)));
typedef uint8_t LMK_NAME(sixteen_levels) __attribute__((vector_size(16)));

// RGB pixels of four rows side by side: pixels[x] has three channels in the first three of four lanes for each row; the
// fourth carries the next pixel's red and is never used.
static void LMK_NAME(interleave)(const uint8_t *const rows[4], long columns, LMK_NAME(stored_sixteen) *pixels) {
  for (long x = 0; x < columns; x++) {
    LMK_NAME(sixteen_levels) levels = {0};
    for (int row = 0; row < 4; row++) {
      // Constant sizes are single loads; behind the last pixel there may be nothing.
      if (x + 1 < columns) memcpy((uint8_t *)&levels + 4 * row, rows[row] + 3 * x, 4);
      else memcpy((uint8_t *)&levels + 4 * row, rows[row] + 3 * x, 3);
    }
    pixels[x] = __builtin_convertvector(levels, LMK_NAME(sixteen));
  }
}

// Up to four rows at once. The fourth lane's level is overwritten by the next pixel's red.
static void LMK_NAME(across_rgb_levels)(
    const struct lmk_axis *axis, const LMK_NAME(stored_sixteen) *pixels, long count, uint8_t *levels) {
  const LMK_NAME(sixteen) lowest = {0}, highest = lowest + 255;
  for (long x = 0; x < axis->outputs; x++) {
    const int32_t *weights = axis->fixed_weights + x * axis->stride;
    const LMK_NAME(stored_sixteen) *from = pixels + axis->first[x];
    LMK_NAME(sixteen) sum = lowest + LMK_NAME(half);
    for (long k = 0; k < axis->count[x]; k++) sum += weights[k] * from[k];
    sum = __builtin_elementwise_min(__builtin_elementwise_max(sum >> LMK_WEIGHT_BITS, lowest), highest);
    LMK_NAME(sixteen_levels) all = __builtin_convertvector(sum, LMK_NAME(sixteen_levels));
    for (long row = 0; row < count; row++) {
      uint8_t *target = levels + (row * axis->outputs + x) * 3;
      if (x + 1 < axis->outputs) memcpy(target, (const uint8_t *)&all + 4 * row, 4);
      else memcpy(target, (const uint8_t *)&all + 4 * row, 3);
    }
  }
}

static void LMK_NAME(across_any_levels)(
    const struct lmk_axis *axis, long channels, const uint8_t *row, uint8_t *levels) {
  for (long x = 0; x < axis->outputs; x++) {
    const int32_t *weights = axis->fixed_weights + x * axis->stride;
    const uint8_t *from = row + channels * axis->first[x];
    for (long c = 0; c < channels; c++) {
      int32_t sum = LMK_NAME(half);
      for (long k = 0; k < axis->count[x]; k++) sum += weights[k] * from[k * channels + c];
      levels[x * channels + c] = (uint8_t)LMK_NAME(level)(sum);
    }
  }
}

// `count` rows, 1 to 4, `stride` apart, to rows of the output's width.
static void LMK_NAME(across_levels)(
    const struct lmk_level_resampling *r, const uint8_t *rows, long stride, long count, LMK_NAME(stored_sixteen) *pixels,
    uint8_t *levels) {
  const long width = r->across.outputs * r->channels;
  if (r->channels == 3) {
    const uint8_t *all[4];
    for (long row = 0; row < 4; row++) all[row] = rows + (row < count ? row : count - 1) * stride;
    LMK_NAME(interleave)(all, r->columns, pixels);
    LMK_NAME(across_rgb_levels)(&r->across, pixels, count, levels);
    return;
  }
  for (long row = 0; row < count; row++)
    LMK_NAME(across_any_levels)(&r->across, r->channels, rows + row * stride, levels + row * width);
}

static void LMK_NAME(write_levels)(
    long count, const uint8_t *levels, const float *scale, const float *shift, float *output) {
  for (long i = 0; i < count; i++) output[i] = levels[i] * scale[i] + shift[i];
}

// The scratch's parts; see lmk_resample_levels_scratch.
struct LMK_NAME(level_scratch) {
  LMK_NAME(stored_sixteen) *pixels;
  int32_t *sums;
  float *scale, *shift;
  uint8_t *blended, *between;
};

static void LMK_NAME(vertical_first)(
    const struct lmk_level_resampling *r, const struct LMK_NAME(level_scratch) *s, float *output) {
  const long n = r->columns * r->channels, width = r->across.outputs * r->channels;
  const struct lmk_axis *down = &r->down;
  for (long y = 0; y < down->outputs; y += 4) {
    const long count = down->outputs - y < 4 ? down->outputs - y : 4;
    for (long row = 0; row < count; row++) {
      LMK_NAME(blend_levels)(
          down->count[y + row], n, r->levels + down->first[y + row] * r->row_stride, r->row_stride,
          down->fixed_weights + (y + row) * down->stride, s->sums);
      for (long i = 0; i < n; i++) s->blended[row * n + i] = (uint8_t)s->sums[i];
    }
    LMK_NAME(across_levels)(r, s->blended, n, count, s->pixels, s->between);
    for (long row = 0; row < count; row++, output += width)
      LMK_NAME(write_levels)(width, s->between + row * width, s->scale, s->shift, output);
  }
}

static void LMK_NAME(horizontal_first)(
    const struct lmk_level_resampling *r, const struct LMK_NAME(level_scratch) *s, float *output) {
  const long width = r->across.outputs * r->channels;
  const struct lmk_axis *down = &r->down;
  for (long y = 0; y < r->rows; y += 4)
    LMK_NAME(across_levels)(
        r, r->levels + y * r->row_stride, r->row_stride, r->rows - y < 4 ? r->rows - y : 4, s->pixels,
        s->between + y * width);
  for (long y = 0; y < down->outputs; y++, output += width) {
    LMK_NAME(blend_levels)(
        down->count[y], width, s->between + down->first[y] * width, width, down->fixed_weights + y * down->stride,
        s->sums);
    for (long i = 0; i < width; i++) output[i] = (float)s->sums[i] * s->scale[i] + s->shift[i];
  }
}

static void LMK_NAME(resample_levels)(const struct lmk_level_resampling *r, void *scratch, float *output) {
  const long n = r->columns * r->channels, width = r->across.outputs * r->channels, longest = n > width ? n : width;
  struct LMK_NAME(level_scratch) s;
  s.pixels = scratch;
  s.sums = (int32_t *)(s.pixels + r->columns);
  s.scale = (float *)(s.sums + longest);
  s.shift = s.scale + width;
  s.blended = (uint8_t *)(s.shift + width);
  s.between = s.blended + (r->is_vertical_first ? 4 * n : 0);
  for (long i = 0; i < width; i++) {
    s.scale[i] = r->scale[i % r->channels];
    s.shift[i] = r->shift[i % r->channels];
  }
  if (r->is_vertical_first) LMK_NAME(vertical_first)(r, &s, output);
  else LMK_NAME(horizontal_first)(r, &s, output);
}
