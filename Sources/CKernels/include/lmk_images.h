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
  long stride;
};

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

#endif
