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

#define LMK_LANE int32_t
#include "four_rows.h"
#undef LMK_LANE

typedef uint8_t LMK_NAME(sixteen_levels) __attribute__((vector_size(16)));

// Up to four rows at once, `stride` elements apart, each in four lanes: red, green, blue, and a fourth lane that holds
// the next pixel's red; its result is stored too and then overwritten by the next pixel's. memcpy of a constant size
// compiles to a single store.
static void LMK_NAME(across_rgb_levels)(
    const struct lmk_axis *axis, const int32_t *rows, long stride, long count, uint8_t *levels) {
  const LMK_NAME(sixteen) lowest = {0}, highest = lowest + 255;
  for (long x = 0; x < axis->outputs; x++) {
    const int32_t *weights = axis->fixed_weights + x * axis->stride, *pixel = rows + 3 * axis->first[x];
    LMK_NAME(sixteen) sum = lowest + LMK_NAME(half);
    for (long k = 0; k < axis->count[x]; k++, pixel += 3)
      sum += weights[k] * LMK_FOUR_ROWS(pixel, stride);
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
    const struct lmk_axis *axis, long channels, const int32_t *row, uint8_t *levels) {
  for (long x = 0; x < axis->outputs; x++) {
    const int32_t *weights = axis->fixed_weights + x * axis->stride, *from = row + channels * axis->first[x];
    for (long c = 0; c < channels; c++) {
      int32_t sum = LMK_NAME(half);
      for (long k = 0; k < axis->count[x]; k++) sum += weights[k] * from[k * channels + c];
      levels[x * channels + c] = (uint8_t)LMK_NAME(level)(sum);
    }
  }
}

static void LMK_NAME(across_levels)(
    const struct lmk_level_resampling *r, const int32_t *rows, long stride, long count, uint8_t *levels) {
  const long width = r->across.outputs * r->channels;
  if (r->channels == 3) {
    LMK_NAME(across_rgb_levels)(&r->across, rows, stride, count, levels);
    return;
  }
  for (long row = 0; row < count; row++)
    LMK_NAME(across_any_levels)(&r->across, r->channels, rows + row * stride, levels + row * width);
}

static void LMK_NAME(resample_levels)(const struct lmk_level_resampling *r, int32_t *scratch, float *output) {
  const long n = r->columns * r->channels, stride = n + 4, width = r->across.outputs * r->channels;
  int32_t *rows = scratch, *sums = rows + 4 * stride;
  float *scale = (float *)(sums + width), *shift = scale + width;
  uint8_t *between = (uint8_t *)(shift + width);
  for (long i = 0; i < width; i++) {
    scale[i] = r->scale[i % r->channels];
    shift[i] = r->shift[i % r->channels];
  }
  const struct lmk_axis *down = &r->down;
  const long groups = r->is_vertical_first ? down->outputs : r->rows;
  for (long y = 0; y < groups; y += 4) {
    const long count = groups - y < 4 ? groups - y : 4;
    for (long row = 0; row < count; row++) {
      int32_t *target = rows + row * stride;
      if (r->is_vertical_first) {
        LMK_NAME(blend_levels)(
            down->count[y + row], n, r->levels + down->first[y + row] * r->row_stride, r->row_stride,
            down->fixed_weights + (y + row) * down->stride, target);
      } else {
        const uint8_t *source = r->levels + (y + row) * r->row_stride;
        for (long i = 0; i < n; i++) target[i] = source[i];
      }
    }
    LMK_NAME(across_levels)(r, rows, stride, count, between + (r->is_vertical_first ? 0 : y * width));
    if (!r->is_vertical_first) continue;
    for (long row = 0; row < count; row++, output += width)
      for (long i = 0; i < width; i++) output[i] = between[row * width + i] * scale[i] + shift[i];
  }
  if (r->is_vertical_first) return;
  for (long y = 0; y < down->outputs; y++, output += width) {
    LMK_NAME(blend_levels)(
        down->count[y], width, between + down->first[y] * width, width, down->fixed_weights + y * down->stride, sums);
    for (long i = 0; i < width; i++) output[i] = (float)sums[i] * scale[i] + shift[i];
  }
}
