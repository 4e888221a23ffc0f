// libjpeg reports errors by a callback that must not return: here it jumps back to the function that was called.
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "pixels.h"

#define QUOTED(text) #text
#define VALUE_OF(macro) QUOTED(macro)

// A scan of nearly no bytes may go over all pixels. Files have 10 scans, hardly ever more than 100; more than 500 are
// taken for an attack on the reader's time (the limit of libjpeg-turbo's own fuzzers), and fewer in large pictures.
static int most_scans(const struct jpeg_decompress_struct *jpeg) {
  double scans = 0x1p31 / ((double)jpeg->image_width * jpeg->image_height);
  return scans > 500 ? 500 : scans < 24 ? 24 : (int)scans;
}

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
  // libjpeg's error beyond max_memory_to_use, where it would otherwise go on in a temporary file.
  if (jpeg->err->msg_code == JERR_NO_BACKING_STORE) {
    snprintf(
        decoder->message, LMC_MESSAGE, "its scans need more than %d MiB to be put together", LMC_MOST_MEMORY >> 20);
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
  int most = most_scans(&decoder->jpeg);
  if (decoder->jpeg.input_scan_number <= most) return;
  decoder->status = LMC_DAMAGED;
  snprintf(decoder->message, LMC_MESSAGE, "more than %d scans of its size", most);
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

static int is_cmyk(const struct jpeg_decompress_struct *jpeg) {
  return jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
}

static J_COLOR_SPACE decoded_colors(const struct jpeg_decompress_struct *jpeg) {
  if (jpeg->jpeg_color_space == JCS_GRAYSCALE) return JCS_GRAYSCALE;
  return is_cmyk(jpeg) ? JCS_CMYK : JCS_RGB;
}

// Columns beside the region's that upsampled chroma looks at, and more: the decoder takes whole blocks. Where scans of
// a progressive file are missing, it smooths over two blocks to either side.
static long columns_beside(const struct jpeg_decompress_struct *jpeg) {
  return jpeg->progressive_mode ? 3 * DCTSIZE * jpeg->max_h_samp_factor : 32;
}

// Leaving columns out goes wrong in libjpeg-turbo 2.1 where a component is scaled less than the others while it is
// transformed and has to be spread along the row all the same: half of it is never written.
static int can_crop_columns(const struct jpeg_decompress_struct *jpeg) {
  for (int c = 0; c < jpeg->num_components; c++) {
    const jpeg_component_info *component = &jpeg->comp_info[c];
    int is_spread = component->h_samp_factor * component->DCT_scaled_size !=
                    jpeg->max_h_samp_factor * jpeg->min_DCT_scaled_size;
    if (is_spread && component->DCT_scaled_size != jpeg->min_DCT_scaled_size) return 0;
  }
  return 1;
}

// The decoder is told to leave out columns that the region does not need. Gives the first of those it decodes.
static long crop_columns(struct jpeg_decompress_struct *jpeg, struct lmc_region region) {
  long beside = columns_beside(jpeg), left = region.left > beside ? region.left - beside : 0;
  long right = region.left + region.width + beside;
  if (right > (long)jpeg->output_width) right = jpeg->output_width;
  if ((left == 0 && right == (long)jpeg->output_width) || !can_crop_columns(jpeg)) return 0;
  JDIMENSION first = (JDIMENSION)left, width = (JDIMENSION)(right - left);
  jpeg_crop_scanline(jpeg, &first, &width);
  return first;
}

// A row of the region's columns out of a decoded one.
static void take_columns(const struct jpeg_decompress_struct *jpeg, const uint8_t *row, long width, uint8_t *pixels) {
  if (!is_cmyk(jpeg)) {
    memcpy(pixels, row, (size_t)(width * jpeg->output_components));
  } else {
    for (long x = 0; x < width; x++) light_to_rgb(row + 4 * x, pixels + 3 * x);
  }
}

static void read_region(struct decoder *decoder, struct lmc_region region, uint8_t *pixels) {
  struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
  long first = crop_columns(jpeg, region);
  int in_place = !is_cmyk(jpeg) && region.width == (long)jpeg->output_width;
  size_t stride = (size_t)(region.width * (is_cmyk(jpeg) ? 3 : jpeg->output_components));
  JSAMPARRAY row = jpeg->mem->alloc_sarray(
      (j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * (JDIMENSION)jpeg->output_components, 1);
  if (region.top > 0) jpeg_skip_scanlines(jpeg, (JDIMENSION)region.top);
  for (long y = 0; y < region.height; y++, pixels += stride) {
    jpeg_read_scanlines(jpeg, in_place ? &pixels : row, 1);
    if (in_place) continue;
    take_columns(jpeg, row[0] + (region.left - first) * jpeg->output_components, region.width, pixels);
  }
  // Finishing tells of damage behind the picture, too; it wants all rows read.
  if (jpeg->output_scanline == jpeg->output_height) jpeg_finish_decompress(jpeg);
  else jpeg_abort_decompress(jpeg);
}

int lmc_jpeg_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  struct decoder decoder;
  memset(&decoder, 0, sizeof decoder);
  decoder.message = message;
  if (setjmp(decoder.trap) == 0) {
    open_decoder(&decoder, bytes, count);
    header->width = decoder.jpeg.image_width;
    header->height = decoder.jpeg.image_height;
    header->channels = decoded_colors(&decoder.jpeg) == JCS_GRAYSCALE ? 1 : 3;
  }
  jpeg_destroy_decompress(&decoder.jpeg);
  return decoder.status;
}

int lmc_jpeg_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, int reduction,
    void *pixels, char *message) {
  struct decoder decoder;
  memset(&decoder, 0, sizeof decoder);
  decoder.message = message;
  if (setjmp(decoder.trap) == 0) {
    open_decoder(&decoder, bytes, count);
    decoder.jpeg.out_color_space = decoded_colors(&decoder.jpeg);
    decoder.jpeg.scale_num = 1;
    decoder.jpeg.scale_denom = (unsigned)reduction;
    jpeg_start_decompress(&decoder.jpeg);
    if (decoder.jpeg.output_width == (JDIMENSION)header->width &&
        decoder.jpeg.output_height == (JDIMENSION)header->height) {
      read_region(&decoder, region, pixels);
    } else {
      decoder.status = damaged(message, "the size changed while reading");
    }
  }
  jpeg_destroy_decompress(&decoder.jpeg);
  return decoder.status;
}

void lmc_jpeg_library(char *text) {
  snprintf(text, LMC_MESSAGE, "libjpeg-turbo %s", VALUE_OF(LIBJPEG_TURBO_VERSION));
}
