// Images: the inner loops of resampling.
#ifndef LMK_IMAGES_H
#define LMK_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/// Resampling filter of one axis: output i = Σ_k weights[i·stride + k] · input[first[i] + k], 0 <= k < count[i].
struct lmk_axis {
  long outputs;
  const int32_t *first, *count;
  const float *weights;
  const int32_t *fixed_weights;  // in units of 2^-LMK_WEIGHT_BITS; lmk_resample_levels reads these instead of `weights`
  long stride;
};

/// Fraction bits of fixed-point weights, as in Pillow: leaves 8 bits for a level and 2 for sign and overshoot.
enum { LMK_WEIGHT_BITS = 22 };

struct lmk_resampling {
  // The source [rows, row_stride]: exactly one of the three is not NULL.
  const uint8_t *bytes;
  const uint16_t *words;
  const float *floats;
  long row_stride;  // elements
  long columns;     // of the source that `across` reads, from column 0 on
  long channels;
  struct lmk_axis down, across;
  float highest;               // results are clipped to 0 ... highest
  const float *scale, *shift;  // [channels], applied after clipping
};
/// Writes output [down.outputs, across.outputs, channels]. `rows` is scratch memory of 4 · (columns · channels + 4)
/// floats, initialised with finite values.
void lmk_resample(const struct lmk_resampling *resampling, float *rows, float *output);

/// The same for 8-bit images in fixed point, rounded to levels 0 ... 255 after each axis as Pillow does.
struct lmk_level_resampling {
  const uint8_t *levels;  // [rows, row_stride]
  long row_stride;        // elements
  long rows, columns;     // of the source that are read, from row and column 0 on
  long channels;
  struct lmk_axis down, across;
  int is_vertical_first;       // whether `down` is applied before `across`
  const float *scale, *shift;  // [channels], applied to the final levels
};
/// Bytes of scratch memory that lmk_resample_levels needs.
size_t lmk_resample_levels_scratch(const struct lmk_level_resampling *resampling);
/// Writes output [down.outputs, across.outputs, channels].
void lmk_resample_levels(const struct lmk_level_resampling *resampling, void *scratch, float *output);

#endif
