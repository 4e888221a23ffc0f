// Label maps as PNG files of 8 bits with a palette of 256 colours, whatever labels occur: with a shorter palette, some
// programs write fewer bits, or cut what lies beyond it.
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "png_trap.h"

struct encoder {
  png_structp png;
  png_infop info;
  uint8_t *bytes;
  size_t count, capacity;
  struct png_trap trap;
};

static void append(png_structp png, png_bytep bytes, size_t count) {
  struct encoder *encoder = png_get_io_ptr(png);
  if (count > encoder->capacity - encoder->count) {
    size_t capacity = 2 * encoder->capacity + count + 4096;
    uint8_t *larger = realloc(encoder->bytes, capacity);
    if (larger == NULL) png_error(png, "Out of memory");
    encoder->bytes = larger;
    encoder->capacity = capacity;
  }
  memcpy(encoder->bytes + encoder->count, bytes, count);
  encoder->count += count;
}

static void flush(png_structp png) { (void)png; }

// PASCAL VOC's colours: the bits of an index go to red, green and blue in turn, each from the highest bit down.
static void fill_palette(png_color palette[256]) {
  for (int index = 0; index < 256; index++) {
    int rgb[3] = {0, 0, 0};
    for (int bit = 0; bit < 8; bit++) rgb[bit % 3] |= (index >> bit & 1) << (7 - bit / 3);
    palette[index] = (png_color){(png_byte)rgb[0], (png_byte)rgb[1], (png_byte)rgb[2]};
  }
}

static void write_file(struct encoder *encoder, const uint8_t *labels, uint32_t height, uint32_t width) {
  png_color palette[256];
  fill_palette(palette);
  encoder->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &encoder->trap, fail, ignore);
  encoder->info = encoder->png ? png_create_info_struct(encoder->png) : NULL;
  if (encoder->info == NULL) spring(&encoder->trap, LMC_NO_MEMORY);
  png_set_user_limits(encoder->png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_write_fn(encoder->png, encoder, append, flush);
  png_set_IHDR(
      encoder->png, encoder->info, width, height, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE,
      PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_PLTE(encoder->png, encoder->info, palette, 256);
  png_write_info(encoder->png, encoder->info);
  for (uint32_t y = 0; y < height; y++) png_write_row(encoder->png, labels + (size_t)y * width);
  png_write_end(encoder->png, encoder->info);
}

int lmc_png_encode_labels(
    const uint8_t *labels, uint32_t height, uint32_t width, uint8_t **file, size_t *size, char *message) {
  struct encoder encoder = {.trap.message = message};
  if (setjmp(encoder.trap.jump) == 0) write_file(&encoder, labels, height, width);
  png_destroy_write_struct(&encoder.png, &encoder.info);
  if (encoder.trap.status != LMC_OK) {
    free(encoder.bytes);
    return encoder.trap.status;
  }
  *file = encoder.bytes;
  *size = encoder.count;
  return LMC_OK;
}
