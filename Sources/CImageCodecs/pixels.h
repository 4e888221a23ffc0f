// What several decoders do with decoded pixels.
#ifndef LMC_PIXELS_H
#define LMC_PIXELS_H

#include <stdarg.h>
#include <stdio.h>

#include "CImageCodecs.h"

static inline size_t type_size(int type) { return type == LMC_FLOAT32 ? 4 : type == LMC_UINT16 ? 2 : 1; }

/// Bytes of a pixel.
static inline size_t pixel_size(const struct lmc_header *header) {
  return type_size(header->type) * (size_t)header->channels;
}

/// Whether the region's columns are all columns.
static inline int is_full_width(const struct lmc_header *header, struct lmc_region region) {
  return region.left == 0 && region.width == header->width;
}

/// Writes the message and gives the status for a file that is damaged or of an unknown kind.
__attribute__((format(printf, 2, 3))) static inline int damaged(char *message, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(message, LMC_MESSAGE, format, values);
  va_end(values);
  return LMC_DAMAGED;
}

static inline int a_times_b(int a, int b) {
  int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Red, green and blue are what the three inks and black let through together. `light` is 255 - ink for each.
static inline void light_to_rgb(const uint8_t *light, uint8_t *rgb) {
  for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(light[3] - a_times_b(255 - light[c], light[3]));
}

#endif
