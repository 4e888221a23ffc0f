// PNG files, decoded by libpng behind its error trap.
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <png.h>

#include "pixels.h"
#include "png_trap.h"

// ---- Inflating at once ---------------------------------------------------------------------------------------------
// Inflating takes most of the time, and libdeflate does it more than twice as fast as the streaming zlib under libpng,
// which then gets the same picture with its data stored without compression.

struct chunk {
  uint8_t kind[4];
  const uint8_t *content;
  size_t size;
};

enum { signature_size = 8, chunk_frame = 12, stored_block = 65535 };

static size_t big_endian(const uint8_t *bytes) {
  return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

// The chunk at `place`, if it is whole.
static int read_chunk(const uint8_t *bytes, size_t count, size_t place, struct chunk *chunk) {
  if (count < chunk_frame || place > count - chunk_frame) return 0;
  chunk->size = big_endian(bytes + place);
  if (chunk->size > count - chunk_frame - place) return 0;
  memcpy(chunk->kind, bytes + place + 4, 4);
  chunk->content = bytes + place + 8;
  return libdeflate_crc32(0, bytes + place + 4, chunk->size + 4) == big_endian(chunk->content + chunk->size);
}

static int is_data(const struct chunk *chunk) { return memcmp(chunk->kind, "IDAT", 4) == 0; }

// Appends the content of all data chunks from `place` on to `data`, or counts it where that is NULL. Zero where a chunk
// is damaged.
static size_t gather(const uint8_t *bytes, size_t count, size_t place, uint8_t *data) {
  size_t size = 0;
  struct chunk chunk;
  for (; read_chunk(bytes, count, place, &chunk); place += chunk.size + chunk_frame) {
    if (!is_data(&chunk)) return size;
    if (data) memcpy(data + size, chunk.content, chunk.size);
    size += chunk.size;
  }
  return 0;
}

static uint8_t *put_big_endian(uint8_t *place, size_t value) {
  for (int byte = 0; byte < 4; byte++) place[byte] = (uint8_t)(value >> (24 - 8 * byte));
  return place + 4;
}

// A zlib stream's size for `count` bytes that are not compressed.
static size_t stored_size(size_t count) { return 2 + count + 5 * ((count + stored_block - 1) / stored_block) + 4; }

// Turns the `count` bytes at the end of `place`'s stream into that stream; they are moved forward to their blocks.
static void store(uint8_t *place, const uint8_t *bytes, size_t count) {
  size_t checksum = libdeflate_adler32(1, bytes, count);
  *place++ = 0x78;
  *place++ = 0x01;
  for (size_t done = 0; done < count;) {
    size_t size = count - done < stored_block ? count - done : stored_block;
    *place++ = done + size == count;
    place[0] = (uint8_t)size, place[1] = (uint8_t)(size >> 8);
    place[2] = (uint8_t)~size, place[3] = (uint8_t)(~size >> 8);
    memmove(place + 4, bytes + done, size);
    place += 4 + size;
    done += size;
  }
  put_big_endian(place, checksum);
}

// The file with its data, `inflated` bytes, stored; NULL where it has to be read as it is: damaged, or no memory.
static uint8_t *with_stored_data(
    const uint8_t *bytes, size_t count, size_t inflated, size_t *size) {
  struct chunk chunk;
  size_t place = signature_size;
  for (; read_chunk(bytes, count, place, &chunk) && !is_data(&chunk); place += chunk.size + chunk_frame) continue;
  size_t compressed = gather(bytes, count, place, NULL), stream = stored_size(inflated);
  if (compressed == 0 || stream > 0x7FFFFFFF) return NULL;
  *size = place + chunk_frame + stream + chunk_frame;
  uint8_t *file = malloc(*size), *data = malloc(compressed);
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  int is_inflated = 0;
  if (file && data && inflater) {
    // Behind where the blocks will begin, so that moving them there overwrites nothing that is still to be moved.
    uint8_t *start = file + place + 8, *raw = start + stream - 4 - inflated;
    gather(bytes, count, place, data);
    is_inflated = libdeflate_zlib_decompress(inflater, data, compressed, raw, inflated, NULL) == LIBDEFLATE_SUCCESS;
    memcpy(file, bytes, place);
    memcpy(put_big_endian(file + place, stream), "IDAT", 4);
    if (is_inflated) store(start, raw, inflated);
    uint8_t *end = put_big_endian(start + stream, 0);  // no checksum is looked at
    memcpy(put_big_endian(end, 0), "IEND", 4);
    put_big_endian(end + 8, 0);
  }
  libdeflate_free_decompressor(inflater);
  free(data);
  if (is_inflated) return file;
  free(file);
  return NULL;
}

// ---- Decoding ------------------------------------------------------------------------------------------------------

struct decoder {
  png_structp png;
  png_infop info;
  const uint8_t *bytes;
  size_t count;
  // Indices of palettes and grey of any bits as they are stored, wanted for labels.
  int is_raw;
  // A row, or a whole interlaced picture; freed with the decoder.
  uint8_t *scratch;
  struct png_trap trap;
};

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  struct decoder *decoder = png_get_io_ptr(png);
  if (count > decoder->count) png_error(png, "it ends early");
  memcpy(target, decoder->bytes, count);
  decoder->bytes += count;
  decoder->count -= count;
}

// Reads all chunks before the pixels. Colour profiles, texts and the like are skipped: libpng would inflate each of a
// thousand to as much as a chunk may take.
static void open_decoder(struct decoder *decoder, int is_checked) {
  decoder->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder->trap, fail, ignore);
  decoder->info = decoder->png ? png_create_info_struct(decoder->png) : NULL;
  if (decoder->info == NULL) spring(&decoder->trap, LMC_NO_MEMORY);
  png_set_user_limits(decoder->png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_chunk_malloc_max(decoder->png, LMC_MOST_MEMORY / 8);
  png_set_read_fn(decoder->png, decoder, read_bytes);
  png_set_keep_unknown_chunks(decoder->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  if (is_checked) {
    // Not every libpng can leave out both checksums: Adler-32 is right in any case, and CRC-32 is warned of at most.
    png_set_crc_action(decoder->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_option(decoder->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
  }
  png_read_info(decoder->png, decoder->info);
}

static void close_decoder(struct decoder *decoder) {
  png_destroy_read_struct(&decoder->png, &decoder->info, NULL);
  free(decoder->scratch);
}

static uint8_t *scratch(struct decoder *decoder, size_t size) {
  decoder->scratch = malloc(size);
  if (decoder->scratch == NULL) png_error(decoder->png, "Out of memory");
  return decoder->scratch;
}

static void fill_header(const struct decoder *decoder, struct lmc_header *header) {
  int color = png_get_color_type(decoder->png, decoder->info);
  int has_key = png_get_valid(decoder->png, decoder->info, PNG_INFO_tRNS) != 0;
  int has_alpha = has_key || (color & PNG_COLOR_MASK_ALPHA) != 0;
  header->width = png_get_image_width(decoder->png, decoder->info);
  header->height = png_get_image_height(decoder->png, decoder->info);
  header->channels = (color & PNG_COLOR_MASK_COLOR ? 3 : 1) + has_alpha;
  header->type = png_get_bit_depth(decoder->png, decoder->info) == 16 ? LMC_UINT16 : LMC_UINT8;
  header->alpha = has_alpha ? LMC_ALPHA : LMC_NO_ALPHA;
  if (!decoder->is_raw) return;
  header->channels = png_get_channels(decoder->png, decoder->info);
  header->alpha = color & PNG_COLOR_MASK_ALPHA ? LMC_ALPHA : LMC_NO_ALPHA;
  header->is_raw = 1;
}

// Palettes to RGB, fewer than 8 bits to 8, a transparent colour to alpha, 16 bits in the machine's order. Raw: a byte
// for each number of fewer bits.
static void set_transforms(struct decoder *decoder) {
  if (decoder->is_raw) png_set_packing(decoder->png);
  else png_set_expand(decoder->png);
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(decoder->png);
  png_set_interlace_handling(decoder->png);
  png_read_update_info(decoder->png, decoder->info);
}

static void copy_columns(
    const struct lmc_header *header, struct lmc_region region, const uint8_t *row, uint8_t *pixels) {
  size_t size = pixel_size(header);
  memcpy(pixels, row + (size_t)region.left * size, (size_t)region.width * size);
}

// Row by row down to the region's last one.
static void read_rows(
    struct decoder *decoder, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels) {
  size_t stride = (size_t)region.width * pixel_size(header);
  uint8_t *row = scratch(decoder, (size_t)header->width * pixel_size(header));
  for (long y = 0; y < region.top + region.height; y++) {
    int in_place = y >= region.top && is_full_width(header, region);
    png_read_row(decoder->png, in_place ? pixels : row, NULL);
    if (y < region.top) continue;
    if (!in_place) copy_columns(header, region, row, pixels);
    pixels += stride;
  }
}

// All of it, and the region out of that: an interlaced picture's rows come in seven passes.
static void read_interlaced(
    struct decoder *decoder, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels) {
  size_t row_size = (size_t)header->width * pixel_size(header), stride = (size_t)region.width * pixel_size(header);
  uint8_t *image = scratch(decoder, row_size * (size_t)header->height);
  for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++)
    for (long y = 0; y < header->height; y++) png_read_row(decoder->png, image + (size_t)y * row_size, NULL);
  for (long y = 0; y < region.height; y++)
    copy_columns(header, region, image + (size_t)(region.top + y) * row_size, pixels + (size_t)y * stride);
}

static int is_interlaced(const struct decoder *decoder) {
  return png_get_interlace_type(decoder->png, decoder->info) != PNG_INTERLACE_NONE;
}

static int read_header(const uint8_t *bytes, size_t count, int is_raw, struct lmc_header *header, char *message) {
  struct decoder decoder = {.bytes = bytes, .count = count, .is_raw = is_raw, .trap.message = message};
  if (setjmp(decoder.trap.jump) == 0) {
    open_decoder(&decoder, 0);
    fill_header(&decoder, header);
  }
  close_decoder(&decoder);
  return decoder.trap.status;
}

int lmc_png_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  return read_header(bytes, count, 0, header, message);
}

int lmc_png_label_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  return read_header(bytes, count, 1, header, message);
}

// Bytes of all rows with their filters; 0 for an interlaced picture.
static size_t inflated_size(const uint8_t *bytes, size_t count, char *message) {
  struct decoder decoder = {.bytes = bytes, .count = count, .trap.message = message};
  volatile size_t size = 0;
  if (setjmp(decoder.trap.jump) == 0) {
    open_decoder(&decoder, 0);
    if (!is_interlaced(&decoder))
      size = (png_get_rowbytes(decoder.png, decoder.info) + 1) * png_get_image_height(decoder.png, decoder.info);
  }
  close_decoder(&decoder);
  return size;
}

static int decode(
    const uint8_t *bytes, size_t count, int is_checked, const struct lmc_header *header, struct lmc_region region,
    uint8_t *pixels, char *message) {
  struct decoder decoder = {.bytes = bytes, .count = count, .is_raw = header->is_raw, .trap.message = message};
  if (setjmp(decoder.trap.jump) == 0) {
    open_decoder(&decoder, is_checked);
    struct lmc_header found = {0};
    fill_header(&decoder, &found);
    set_transforms(&decoder);
    if (found.width != header->width || found.height != header->height ||
        png_get_rowbytes(decoder.png, decoder.info) != (size_t)header->width * pixel_size(header))
      png_error(decoder.png, "the size changed while reading");
    (is_interlaced(&decoder) ? read_interlaced : read_rows)(&decoder, header, region, pixels);
  }
  close_decoder(&decoder);
  return decoder.trap.status;
}

int lmc_png_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message) {
  size_t size, inflated = inflated_size(bytes, count, message);
  uint8_t *file = inflated ? with_stored_data(bytes, count, inflated, &size) : NULL;
  int status = file ? decode(file, size, 1, header, region, pixels, message)
                    : decode(bytes, count, 0, header, region, pixels, message);
  free(file);
  return status;
}

void lmc_png_library(char *text) {
  snprintf(text, LMC_MESSAGE, "libpng %s, libdeflate %s", png_get_libpng_ver(NULL), LIBDEFLATE_VERSION_STRING);
}
