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

static void copy_region(
    const struct lmc_header *header, struct lmc_region region, const uint8_t *image, uint8_t *pixels) {
  size_t size = pixel_size(header), stride = (size_t)region.width * size;
  for (long y = 0; y < region.height; y++)
    memcpy(
        pixels + (size_t)y * stride, image + ((size_t)(region.top + y) * (size_t)header->width + (size_t)region.left) * size,
        stride);
}

// The first frame, which may be smaller than the canvas.
static int read_animation(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels,
    char *message) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return damaged(message, "another version of libwebp");
  WebPData data = {bytes, count};
  WebPAnimDecoder *animation = WebPAnimDecoderNew(&data, &options);
  if (animation == NULL) return damaged(message, "its frames are damaged, or there is no memory for them");
  uint8_t *canvas;
  int time, is_read = WebPAnimDecoderGetNext(animation, &canvas, &time);
  if (is_read) copy_region(header, region, canvas, pixels);
  WebPAnimDecoderDelete(animation);
  return is_read ? LMC_OK : damaged(message, "its first frame is damaged");
}

static VP8StatusCode read_into(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, WebPDecoderConfig *config, uint8_t *image) {
  config->output.colorspace = header->channels == 4 ? MODE_RGBA : MODE_RGB;
  config->output.is_external_memory = 1;
  config->output.u.RGBA.rgba = image;
  config->output.u.RGBA.stride = (int)((size_t)header->width * pixel_size(header));
  config->output.u.RGBA.size = (size_t)header->width * (size_t)header->height * pixel_size(header);
  return WebPDecode(bytes, count, config);
}

int lmc_webp_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return damaged(message, "another version of libwebp");
  VP8StatusCode status = WebPGetFeatures(bytes, count, &config.input);
  if (status != VP8_STATUS_OK) return failure(status, message);
  if (config.input.width != header->width || config.input.height != header->height)
    return damaged(message, "the size changed while reading");
  if (config.input.has_animation) return read_animation(bytes, count, header, region, pixels, message);
  int is_all = is_full_width(header, region) && region.height == header->height;
  uint8_t *image = is_all ? pixels : malloc((size_t)header->width * (size_t)header->height * pixel_size(header));
  if (image == NULL) return LMC_NO_MEMORY;
  status = read_into(bytes, count, header, &config, image);
  if (status == VP8_STATUS_OK && !is_all) copy_region(header, region, image, pixels);
  if (!is_all) free(image);
  WebPFreeDecBuffer(&config.output);
  return status == VP8_STATUS_OK ? LMC_OK : failure(status, message);
}
