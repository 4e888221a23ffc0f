#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "pixels.h"

static int failure(int status, char *message) {
  if (status == SPNG_EMEM) return LMC_NO_MEMORY;
  return damaged(message, "%s", spng_strerror(status));
}

// Chunks beside the pixels, such as colour profiles and texts, may take a part of the memory that decoding may.
static spng_ctx *open_decoder(const uint8_t *bytes, size_t count) {
  spng_ctx *png = spng_ctx_new(0);
  if (png == NULL) return NULL;
  spng_set_chunk_limits(png, LMC_MOST_MEMORY / 8, LMC_MOST_MEMORY / 4);
  spng_set_png_buffer(png, bytes, count);
  return png;
}

// The layout in which libspng hands the pixels out, as the header describes it.
static int layout(const struct spng_ihdr *stored, int has_transparent_color, struct lmc_header *header) {
  int is_wide = stored->bit_depth == 16;
  header->width = stored->width;
  header->height = stored->height;
  header->type = is_wide ? LMC_UINT16 : LMC_UINT8;
  header->alpha = has_transparent_color ? LMC_ALPHA : LMC_NO_ALPHA;
  switch (stored->color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
      header->channels = has_transparent_color ? 2 : 1;
      if (has_transparent_color) return is_wide ? SPNG_FMT_GA16 : SPNG_FMT_GA8;
      return is_wide ? SPNG_FMT_PNG : SPNG_FMT_G8;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
      header->channels = 2;
      header->alpha = LMC_ALPHA;
      return SPNG_FMT_PNG;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
      header->channels = 4;
      header->alpha = LMC_ALPHA;
      return SPNG_FMT_PNG;
    default:  // RGB or a palette of it
      header->channels = has_transparent_color ? 4 : 3;
      if (has_transparent_color) return is_wide ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8;
      return is_wide ? SPNG_FMT_PNG : SPNG_FMT_RGB8;
  }
}

static int read_header(spng_ctx *png, struct lmc_header *header, int *format) {
  struct spng_ihdr stored;
  struct spng_trns transparent;
  int status = spng_get_ihdr(png, &stored);
  if (status != SPNG_OK) return status;
  // Reads all chunks before the pixels.
  status = spng_get_trns(png, &transparent);
  if (status != SPNG_OK && status != SPNG_ECHUNKAVAIL) return status;
  *format = layout(&stored, status == SPNG_OK, header);
  return SPNG_OK;
}

static void copy_columns(
    const struct lmc_header *header, struct lmc_region region, const uint8_t *row, uint8_t *pixels) {
  size_t size = pixel_size(header);
  memcpy(pixels, row + (size_t)region.left * size, (size_t)region.width * size);
}

// Row by row down to the region's last one.
static int read_rows(
    spng_ctx *png, const struct lmc_header *header, struct lmc_region region, int format, uint8_t *pixels) {
  size_t row_size = (size_t)header->width * pixel_size(header), stride = (size_t)region.width * pixel_size(header);
  uint8_t *row = malloc(row_size);
  if (row == NULL) return SPNG_EMEM;
  int status = spng_decode_image(png, NULL, 0, format, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
  for (long y = 0; status == SPNG_OK && y < region.top + region.height; y++) {
    int in_place = y >= region.top && is_full_width(header, region);
    status = spng_decode_row(png, in_place ? pixels : row, row_size);
    // The last row of a picture comes with the news that it is the last.
    if (status == SPNG_EOI && y + 1 == header->height) status = SPNG_OK;
    if (y < region.top) continue;
    if (!in_place) copy_columns(header, region, row, pixels);
    pixels += stride;
  }
  free(row);
  return status == SPNG_EOI ? SPNG_EINTERNAL : status;
}

// All of it, and the region out of that: an interlaced picture's rows come in seven passes.
static int read_image(
    spng_ctx *png, const struct lmc_header *header, struct lmc_region region, int format, uint8_t *pixels) {
  size_t row_size = (size_t)header->width * pixel_size(header), stride = (size_t)region.width * pixel_size(header);
  uint8_t *image = malloc(row_size * (size_t)header->height);
  if (image == NULL) return SPNG_EMEM;
  int status = spng_decode_image(png, image, row_size * (size_t)header->height, format, SPNG_DECODE_TRNS);
  for (long y = 0; status == SPNG_OK && y < region.height; y++)
    copy_columns(header, region, image + (size_t)(region.top + y) * row_size, pixels + (size_t)y * stride);
  free(image);
  return status;
}

int lmc_png_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  spng_ctx *png = open_decoder(bytes, count);
  if (png == NULL) return LMC_NO_MEMORY;
  int format, status = read_header(png, header, &format);
  spng_ctx_free(png);
  return status == SPNG_OK ? LMC_OK : failure(status, message);
}

int lmc_png_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message) {
  spng_ctx *png = open_decoder(bytes, count);
  if (png == NULL) return LMC_NO_MEMORY;
  struct lmc_header found = {0};
  struct spng_ihdr stored;
  int format, status = read_header(png, &found, &format);
  if (status == SPNG_OK) status = spng_get_ihdr(png, &stored);
  if (status == SPNG_OK && (found.width != header->width || found.height != header->height))
    status = SPNG_EINTERNAL;
  if (status == SPNG_OK)
    status = (stored.interlace_method ? read_image : read_rows)(png, header, region, format, pixels);
  spng_ctx_free(png);
  return status == SPNG_OK ? LMC_OK : failure(status, message);
}
