#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "pixels.h"

static int failure(VP8StatusCode status, char *message) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return LMC_NO_MEMORY;
    case VP8_STATUS_NOT_ENOUGH_DATA: return damaged(message, "it ends early");
    case VP8_STATUS_UNSUPPORTED_FEATURE: return damaged(message, "a feature that libwebp does not know");
    default: return damaged(message, "its data are damaged");
  }
}

int lmc_webp_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(bytes, count, &features);
  if (status != VP8_STATUS_OK) return failure(status, message);
  header->width = features.width;
  header->height = features.height;
  header->channels = features.has_alpha || features.has_animation ? 4 : 3;
  header->alpha = header->channels == 4 ? LMC_ALPHA : LMC_NO_ALPHA;
  return LMC_OK;
}

// Pixels that are decoded beside the region's: libwebp spreads chroma from the neighbours that it decodes, and wants
// even corners.
enum { beside = 2 };

// One picture of the file: all of it, or a frame of a moving picture.
struct frame {
  const uint8_t *bytes;
  size_t count;
  long width, height;
};

static struct lmc_region with_pixels_beside(const struct frame *frame, struct lmc_region region) {
  long top = region.top > beside ? (region.top - beside) & ~1L : 0, bottom = region.top + region.height + beside;
  long left = region.left > beside ? (region.left - beside) & ~1L : 0, right = region.left + region.width + beside;
  if (bottom > frame->height) bottom = frame->height;
  if (right > frame->width) right = frame->width;
  return (struct lmc_region){.top = top, .left = left, .height = bottom - top, .width = right - left};
}

static int decode_crop(
    const struct frame *frame, struct lmc_region crop, int channels, uint8_t *pixels, size_t stride, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return damaged(message, "another version of libwebp");
  config.options.use_cropping = 1;
  config.options.crop_left = (int)crop.left;
  config.options.crop_top = (int)crop.top;
  config.options.crop_width = (int)crop.width;
  config.options.crop_height = (int)crop.height;
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = stride * (size_t)(crop.height - 1) + (size_t)(crop.width * channels);
  VP8StatusCode status = WebPDecode(frame->bytes, frame->count, &config);
  WebPFreeDecBuffer(&config.output);
  return status == VP8_STATUS_OK ? LMC_OK : failure(status, message);
}

// Writes the region's rows `stride` bytes apart.
static int decode_region(
    const struct frame *frame, struct lmc_region region, int channels, uint8_t *pixels, size_t stride, char *message) {
  struct lmc_region crop = with_pixels_beside(frame, region);
  if (crop.width == region.width && crop.height == region.height)
    return decode_crop(frame, region, channels, pixels, stride, message);
  size_t crop_stride = (size_t)(crop.width * channels), row = (size_t)(region.width * channels);
  uint8_t *cropped = malloc(crop_stride * (size_t)crop.height);
  if (cropped == NULL) return LMC_NO_MEMORY;
  int status = decode_crop(frame, crop, channels, cropped, crop_stride, message);
  const uint8_t *first =
      cropped + (size_t)(region.top - crop.top) * crop_stride + (size_t)((region.left - crop.left) * channels);
  for (long y = 0; status == LMC_OK && y < region.height; y++)
    memcpy(pixels + (size_t)y * stride, first + (size_t)y * crop_stride, row);
  free(cropped);
  return status;
}

static long larger(long a, long b) { return a > b ? a : b; }
static long smaller(long a, long b) { return a < b ? a : b; }

// The first frame, which may be smaller than the canvas; around it the canvas is transparent.
static int decode_first_frame(
    WebPDemuxer *file, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels, char *message) {
  WebPIterator found;
  if (!WebPDemuxGetFrame(file, 1, &found)) return damaged(message, "it has no frame");
  struct frame frame = {found.fragment.bytes, found.fragment.size, found.width, found.height};
  size_t stride = (size_t)region.width * pixel_size(header);
  memset(pixels, 0, stride * (size_t)region.height);
  long top = larger(region.top, found.y_offset), left = larger(region.left, found.x_offset);
  struct lmc_region part = {
      .top = top - found.y_offset,
      .left = left - found.x_offset,
      .height = smaller(region.top + region.height, found.y_offset + found.height) - top,
      .width = smaller(region.left + region.width, found.x_offset + found.width) - left,
  };
  uint8_t *first = pixels + (size_t)(top - region.top) * stride + (size_t)((left - region.left) * 4);
  int has_pixels = part.height > 0 && part.width > 0;
  int status = has_pixels ? decode_region(&frame, part, 4, first, stride, message) : LMC_OK;
  WebPDemuxReleaseIterator(&found);
  return status;
}

static int decode_moving(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels,
    char *message) {
  WebPData data = {bytes, count};
  WebPDemuxer *file = WebPDemux(&data);
  if (file == NULL) return damaged(message, "its frames are damaged");
  int status = decode_first_frame(file, header, region, pixels, message);
  WebPDemuxDelete(file);
  return status;
}

int lmc_webp_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(bytes, count, &features);
  if (status != VP8_STATUS_OK) return failure(status, message);
  if (features.width != header->width || features.height != header->height)
    return damaged(message, "the size changed while reading");
  if (features.has_animation) return decode_moving(bytes, count, header, region, pixels, message);
  struct frame all = {bytes, count, header->width, header->height};
  return decode_region(
      &all, region, (int)header->channels, pixels, (size_t)region.width * pixel_size(header), message);
}

void lmc_webp_library(char *text) {
  int version = WebPGetDecoderVersion();
  snprintf(text, LMC_MESSAGE, "libwebp %d.%d.%d", version >> 16, version >> 8 & 0xFF, version & 0xFF);
}
