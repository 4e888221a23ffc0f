// Images: the inner loops of resampling.
#ifndef LMK_IMAGES_H
#define LMK_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/// Weighted sums along one axis: output i = Σ_k weights[i·stride + k] · input[first[i] + k], k < count[i].
struct lmk_axis {
  long outputs;
  const int32_t *first, *count;
  const float *weights;
  const int32_t *fixed_weights;  // in 1 / (1 << LMK_WEIGHT_BITS); of the two, the one that the function reads is there
  long stride;
};

/// Pillow's: 8 bits of a level and 2 for overshoot fit beside them into 32.
enum { LMK_WEIGHT_BITS = 22 };

struct lmk_resampling {
  // [rows, row_stride], one of the three; the others are NULL.
  const uint8_t *bytes;
  const uint16_t *words;
  const float *floats;
  long row_stride;  // elements
  long columns;     // of the source that `across` reads, from its column 0
  long channels;
  struct lmk_axis down, across;
  float highest;               // results are clipped to 0 ... highest
  const float *scale, *shift;  // [channels], applied after clipping
};
/// output [down.outputs, across.outputs, channels]; rows is scratch for
/// 4 · (columns · channels + 4) floats, all finite.
void lmk_resample(const struct lmk_resampling *resampling, float *rows, float *output);

/// The same for 8 bits in fixed point, rounded to levels 0 ... 255 after each axis as Pillow does.
struct lmk_level_resampling {
  const uint8_t *levels;  // [rows, row_stride]
  long row_stride;        // elements
  long rows, columns;     // of the source that are read, from its first
  long channels;
  struct lmk_axis down, across;
  int is_vertical_first;       // along which axis sums are taken and rounded first
  const float *scale, *shift;  // [channels], applied to levels in the end
};
/// Numbers of scratch.
size_t lmk_resample_levels_scratch(const struct lmk_level_resampling *resampling);
/// output [down.outputs, across.outputs, channels].
void lmk_resample_levels(const struct lmk_level_resampling *resampling, int32_t *scratch, float *output);

#endif
