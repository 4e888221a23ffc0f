// libjpeg reports errors by a callback that must not return: here it jumps back to the function that was called.
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "CImageCodecs.h"

// Scans after which a progressive file is taken for an attack on the reader's time (libjpeg-turbo's own fuzzers'
// limit).
enum { most_scans = 500 };

struct decoder {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf trap;
  int status;
  char *message;
};

static struct decoder *decoder_of(j_common_ptr jpeg) { return (struct decoder *)jpeg->client_data; }

static _Noreturn void fail(j_common_ptr jpeg) {
  struct decoder *decoder = decoder_of(jpeg);
  decoder->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? LMC_NO_MEMORY : LMC_DAMAGED;
  // What libjpeg says where max_memory_to_use is reached: it would go on in a file, if it had one.
  if (jpeg->err->msg_code == JERR_NO_BACKING_STORE) {
    snprintf(decoder->message, LMC_MESSAGE, "its scans need more than %d MiB to be put together", LMC_MOST_MEMORY >> 20);
  } else {
    jpeg->err->format_message(jpeg, decoder->message);
  }
  longjmp(decoder->trap, 1);
}

// A warning means lost pixels, except these, which cameras and editors provoke in files that are whole.
static void warn(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_NOT_SEQUENTIAL:
      return;
    default:
      fail(jpeg);
  }
}

static void limit_scans(j_common_ptr jpeg) {
  struct decoder *decoder = decoder_of(jpeg);
  if (decoder->jpeg.input_scan_number <= most_scans) return;
  decoder->status = LMC_DAMAGED;
  snprintf(decoder->message, LMC_MESSAGE, "more than %d scans", most_scans);
  longjmp(decoder->trap, 1);
}

static void open_decoder(struct decoder *decoder, const uint8_t *bytes, size_t count) {
  decoder->jpeg.err = jpeg_std_error(&decoder->errors);
  decoder->errors.error_exit = fail;
  decoder->errors.emit_message = warn;
  decoder->jpeg.client_data = decoder;
  jpeg_create_decompress(&decoder->jpeg);
  // A progressive file's coefficients are kept whole: a few megabytes may ask for gigabytes.
  decoder->jpeg.mem->max_memory_to_use = LMC_MOST_MEMORY;
  decoder->progress.progress_monitor = limit_scans;
  decoder->jpeg.progress = &decoder->progress;
  jpeg_mem_src(&decoder->jpeg, bytes, count);
  jpeg_read_header(&decoder->jpeg, TRUE);
}

static int a_times_b(int a, int b) {
  int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

// Adobe stores 255 - ink, so a pixel's red is what cyan and black let through together.
static void cmyk_to_rgb(long width, const uint8_t *cmyk, uint8_t *rgb) {
  for (long x = 0; x < width; x++, cmyk += 4, rgb += 3)
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(cmyk[3] - a_times_b(255 - cmyk[c], cmyk[3]));
}

static void read_rows(struct jpeg_decompress_struct *jpeg, uint8_t *rgb) {
  int is_cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
  jpeg->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(jpeg);
  long width = jpeg->output_width;
  JSAMPARRAY inks = NULL;
  if (is_cmyk) inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, (JDIMENSION)width * 4, 1);
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *row = rgb + (size_t)jpeg->output_scanline * (size_t)width * 3;
    jpeg_read_scanlines(jpeg, is_cmyk ? inks : &row, 1);
    if (is_cmyk) cmyk_to_rgb(width, inks[0], row);
  }
  jpeg_finish_decompress(jpeg);
}

int lmc_jpeg_size(const uint8_t *bytes, size_t count, long *width, long *height, char *message) {
  struct decoder decoder;
  memset(&decoder, 0, sizeof decoder);
  decoder.message = message;
  if (setjmp(decoder.trap) == 0) {
    open_decoder(&decoder, bytes, count);
    *width = decoder.jpeg.image_width;
    *height = decoder.jpeg.image_height;
  }
  jpeg_destroy_decompress(&decoder.jpeg);
  return decoder.status;
}

int lmc_jpeg_decode(const uint8_t *bytes, size_t count, long width, long height, uint8_t *rgb, char *message) {
  struct decoder decoder;
  memset(&decoder, 0, sizeof decoder);
  decoder.message = message;
  if (setjmp(decoder.trap) == 0) {
    open_decoder(&decoder, bytes, count);
    if (decoder.jpeg.image_width == (JDIMENSION)width && decoder.jpeg.image_height == (JDIMENSION)height) {
      read_rows(&decoder.jpeg, rgb);
    } else {
      decoder.status = LMC_DAMAGED;
      snprintf(message, LMC_MESSAGE, "the size changed while reading");
    }
  }
  jpeg_destroy_decompress(&decoder.jpeg);
  return decoder.status;
}
