#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "pixels.h"

// ---- The file in memory --------------------------------------------------------------------------------------------

struct source {
  const uint8_t *bytes;
  uint64_t count, position;
  char *message;
  // Whether a warning means lost pixels.
  int is_strict, has_failed;
};

static tmsize_t read_bytes(thandle_t handle, void *target, tmsize_t count) {
  struct source *source = handle;
  uint64_t left = source->position < source->count ? source->count - source->position : 0;
  if ((uint64_t)count > left) count = (tmsize_t)left;
  memcpy(target, source->bytes + source->position, (size_t)count);
  source->position += (uint64_t)count;
  return count;
}

static tmsize_t write_nothing(thandle_t handle, void *bytes, tmsize_t count) {
  (void)handle, (void)bytes, (void)count;
  return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int from) {
  struct source *source = handle;
  source->position = from == SEEK_SET ? offset : offset + (from == SEEK_CUR ? source->position : source->count);
  return source->position;
}

static toff_t size_of(thandle_t handle) { return ((struct source *)handle)->count; }

static int map(thandle_t handle, void **start, toff_t *count) {
  struct source *source = handle;
  *start = (void *)(uintptr_t)source->bytes;
  *count = source->count;
  return 1;
}

static void unmap(thandle_t handle, void *start, toff_t count) { (void)handle, (void)start, (void)count; }

static int close_nothing(thandle_t handle) {
  (void)handle;
  return 0;
}

// The first error is the cause of the others.
static int note_error(TIFF *tiff, void *data, const char *module, const char *format, va_list values) {
  struct source *source = data;
  (void)tiff, (void)module;
  if (!source->has_failed) vsnprintf(source->message, LMC_MESSAGE, format, values);
  source->has_failed = 1;
  return 1;
}

static int note_warning(TIFF *tiff, void *data, const char *module, const char *format, va_list values) {
  return ((struct source *)data)->is_strict ? note_error(tiff, data, module, format, values) : 1;
}

static TIFF *open_file(struct source *source) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (options == NULL) return NULL;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, LMC_MOST_MEMORY);
  TIFFOpenOptionsSetErrorHandlerExtR(options, note_error, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, note_warning, source);
  TIFF *tiff = TIFFClientOpenExt(
      "picture", "r", source, read_bytes, write_nothing, seek, close_nothing, size_of, map, unmap, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}

// ---- What it says --------------------------------------------------------------------------------------------------

struct description {
  uint32_t width, height;
  // A strip is a block as wide as the picture.
  int is_tiled;
  uint32_t block_width, block_height;
  uint16_t samples, bits, format, photometric, compression;
  // Stored plane by plane.
  int is_planar;
  // LMC_NO_ALPHA, LMC_ALPHA or LMC_PREMULTIPLIED_ALPHA.
  int alpha;
  // By libtiff's own conversion to RGBA: YCbCr that no JPEG decoder converts.
  int is_converted;
  // Red, green and blue of a palette, 65535 the lightest.
  uint16_t *palette[3];
};

static const char *color_name(uint16_t photometric) {
  switch (photometric) {
    case PHOTOMETRIC_MASK: return "a transparency mask";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB: return "CIE L*a*b*";
    case PHOTOMETRIC_CFA: return "a camera's colour filters (raw)";
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV: return "LogL or LogLuv";
    default: return "of an unknown kind";
  }
}

static int check_compression(const struct description *tiff, char *message) {
  // libjbig takes the memory that the data ask for and ends the process where there is none.
  if (tiff->compression == COMPRESSION_JBIG)
    return damaged(message, "its compression is JBIG, which is not read: its decoder knows no limit of memory");
  if (TIFFIsCODECConfigured(tiff->compression)) return LMC_OK;
  if (tiff->compression == COMPRESSION_JP2000 || (tiff->compression >= 33003 && tiff->compression <= 33005))
    return damaged(message, "its compression is JPEG 2000, which is not read inside TIFF");
  const TIFFCodec *codec = TIFFFindCODEC(tiff->compression);
  if (codec) return damaged(message, "its compression is %s, which this libtiff does not decode", codec->name);
  return damaged(message, "its compression is number %d, which is unknown", tiff->compression);
}

static int check_samples(const struct description *tiff, char *message) {
  int is_float = tiff->format == SAMPLEFORMAT_IEEEFP;
  if (!is_float && tiff->format != SAMPLEFORMAT_UINT && tiff->format != SAMPLEFORMAT_VOID)
    return damaged(message, "its numbers are %s, wanted unsigned integers or floats",
        tiff->format == SAMPLEFORMAT_INT ? "signed integers" : "complex");
  if (is_float ? tiff->bits != 16 && tiff->bits != 32 && tiff->bits != 64 : tiff->bits < 1 || tiff->bits > 16)
    return damaged(
        message, "its numbers have %d bits, wanted integers of 1 to 16 or floats of 16, 32 or 64", tiff->bits);
  return LMC_OK;
}

static int check_colors(const struct description *tiff, char *message) {
  switch (tiff->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE: return LMC_OK;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
      return tiff->samples >= 3 ? LMC_OK : damaged(message, "it has %d channels, wanted 3 colours", tiff->samples);
    case PHOTOMETRIC_PALETTE:
      if (tiff->samples == 1 && tiff->palette[0] && tiff->format != SAMPLEFORMAT_IEEEFP) return LMC_OK;
      return damaged(message, "its palette is missing, or there is more than one number a pixel");
    case PHOTOMETRIC_SEPARATED:
      if (tiff->samples == 4 && tiff->bits == 8) return LMC_OK;
      return damaged(message, "its inks are %d of %d bits, wanted CMYK of 8", tiff->samples, tiff->bits);
    default: return damaged(message, "its colours are %s, wanted grey, RGB, CMYK, YCbCr or a palette",
        color_name(tiff->photometric));
  }
}

static int alpha_kind(TIFF *file, const struct description *tiff) {
  uint16_t count = 0, *kinds = NULL;
  int colors = tiff->photometric == PHOTOMETRIC_RGB ? 3 : 1;
  if (tiff->samples != colors + 1 || !TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count != 1)
    return LMC_NO_ALPHA;
  if (kinds[0] == EXTRASAMPLE_ASSOCALPHA) return LMC_PREMULTIPLIED_ALPHA;
  return kinds[0] == EXTRASAMPLE_UNASSALPHA ? LMC_ALPHA : LMC_NO_ALPHA;
}

static int describe(TIFF *file, struct description *tiff, char *message) {
  uint16_t planes = PLANARCONFIG_CONTIG;
  memset(tiff, 0, sizeof *tiff);
  if (!TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &tiff->width) || !TIFFGetField(file, TIFFTAG_IMAGELENGTH, &tiff->height))
    return damaged(message, "it has no width or no height");
  TIFFGetFieldDefaulted(file, TIFFTAG_SAMPLESPERPIXEL, &tiff->samples);
  TIFFGetFieldDefaulted(file, TIFFTAG_BITSPERSAMPLE, &tiff->bits);
  TIFFGetFieldDefaulted(file, TIFFTAG_SAMPLEFORMAT, &tiff->format);
  TIFFGetFieldDefaulted(file, TIFFTAG_COMPRESSION, &tiff->compression);
  TIFFGetFieldDefaulted(file, TIFFTAG_PLANARCONFIG, &planes);
  if (!TIFFGetField(file, TIFFTAG_PHOTOMETRIC, &tiff->photometric))
    tiff->photometric = tiff->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  if (tiff->photometric == PHOTOMETRIC_PALETTE && tiff->bits <= 16)
    TIFFGetField(file, TIFFTAG_COLORMAP, &tiff->palette[0], &tiff->palette[1], &tiff->palette[2]);
  tiff->is_planar = planes == PLANARCONFIG_SEPARATE && tiff->samples > 1;
  tiff->alpha = alpha_kind(file, tiff);
  tiff->is_tiled = TIFFIsTiled(file);
  if (tiff->is_tiled) {
    TIFFGetField(file, TIFFTAG_TILEWIDTH, &tiff->block_width);
    TIFFGetField(file, TIFFTAG_TILELENGTH, &tiff->block_height);
  } else {
    tiff->block_width = tiff->width;
    TIFFGetFieldDefaulted(file, TIFFTAG_ROWSPERSTRIP, &tiff->block_height);
    if (tiff->block_height > tiff->height) tiff->block_height = tiff->height;
  }
  if (tiff->block_width == 0 || tiff->block_height == 0) return damaged(message, "its tiles or strips have no size");
  int status = check_compression(tiff, message);
  if (status == LMC_OK) status = check_samples(tiff, message);
  if (status == LMC_OK) status = check_colors(tiff, message);
  if (status != LMC_OK || tiff->photometric != PHOTOMETRIC_YCBCR) return status;
  if (tiff->compression == COMPRESSION_JPEG && !tiff->is_planar) {
    TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  } else {
    tiff->is_converted = 1;
  }
  return status;
}

static void fill_header(TIFF *file, const struct description *tiff, struct lmc_header *header) {
  uint16_t orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(file, TIFFTAG_ORIENTATION, &orientation);
  header->width = tiff->width;
  header->height = tiff->height;
  header->orientation = orientation;
  header->channels = tiff->samples;
  header->type = tiff->format == SAMPLEFORMAT_IEEEFP ? LMC_FLOAT32 : tiff->bits > 8 ? LMC_UINT16 : LMC_UINT8;
  switch (tiff->photometric) {
    case PHOTOMETRIC_PALETTE:
    case PHOTOMETRIC_SEPARATED:
      header->type = LMC_UINT8;
      header->channels = 3;
      break;
    case PHOTOMETRIC_YCBCR:
      if (tiff->is_converted) header->type = LMC_UINT8;
      header->channels = 3;
      break;
    default:
      header->alpha = tiff->alpha;
      header->is_raw = tiff->photometric == PHOTOMETRIC_MINISBLACK && tiff->bits == 8 * type_size(header->type);
  }
}

// ---- Numbers of a row ----------------------------------------------------------------------------------------------

static unsigned packed_number(const uint8_t *row, size_t index, unsigned bits) {
  size_t bit = index * bits;
  unsigned value = 0;
  for (unsigned left = bits; left > 0;) {
    unsigned in_byte = 8 - (unsigned)(bit & 7), taken = in_byte < left ? in_byte : left;
    value = value << taken | ((row[bit >> 3] >> (in_byte - taken)) & ((1u << taken) - 1));
    bit += taken;
    left -= taken;
  }
  return value;
}

static unsigned integer(const uint8_t *row, size_t index, unsigned bits) {
  if (bits == 8) return row[index];
  if (bits == 16) return ((const uint16_t *)(const void *)row)[index];
  return packed_number(row, index, bits);
}

// IEEE 754 binary16.
static float half_to_float(uint16_t half) {
  unsigned exponent = half >> 10 & 31, fraction = half & 1023;
  float magnitude = exponent == 0 ? (float)fraction * 0x1p-24f
                    : exponent == 31 ? (fraction ? __builtin_nanf("") : __builtin_inff())
                                     : __builtin_ldexpf((float)(1024 + fraction), (int)exponent - 25);
  return half >> 15 ? -magnitude : magnitude;
}

static float real(const uint8_t *row, size_t index, unsigned bits) {
  if (bits == 16) return half_to_float(((const uint16_t *)(const void *)row)[index]);
  if (bits == 64) return (float)((const double *)(const void *)row)[index];
  return ((const float *)(const void *)row)[index];
}

// Whether a channel's 0 is white.
static int is_inverted(const struct description *tiff, size_t channel) {
  return tiff->photometric == PHOTOMETRIC_MINISWHITE && (tiff->alpha == LMC_NO_ALPHA || channel + 1 < tiff->samples);
}

// One number a pixel: `from` is the first one's index in the row, `step` the distance to the next pixel's.
static void unpack(
    const struct description *tiff, const uint8_t *row, size_t from, size_t step, long count, int is_inverted, int type,
    void *target, size_t target_step) {
  unsigned highest = (1u << (tiff->bits & 31)) - 1, wanted = type == LMC_UINT16 ? 65535 : 255;
  for (long x = 0; x < count; x++, from += step) {
    if (type == LMC_FLOAT32) {
      float value = real(row, from, tiff->bits);
      ((float *)target)[(size_t)x * target_step] = is_inverted ? 1 - value : value;
      continue;
    }
    unsigned value = integer(row, from, tiff->bits);
    if (highest != wanted) value = (unsigned)(((uint64_t)value * wanted + highest / 2) / highest);
    if (is_inverted) value = wanted - value;
    if (type == LMC_UINT16) ((uint16_t *)target)[(size_t)x * target_step] = (uint16_t)value;
    else ((uint8_t *)target)[(size_t)x * target_step] = (uint8_t)value;
  }
}

static void look_up(const struct description *tiff, const uint8_t *row, size_t from, long count, uint8_t *rgb) {
  for (long x = 0; x < count; x++, rgb += 3) {
    unsigned index = integer(row, from + (size_t)x, tiff->bits);
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(tiff->palette[c][index] >> 8);
  }
}

static void mix_inks(const uint8_t *row, size_t from, long count, uint8_t *rgb) {
  for (long x = 0; x < count; x++, rgb += 3) {
    const uint8_t *ink = row + (from + (size_t)x) * 4;
    const uint8_t light[4] = {255 - ink[0], 255 - ink[1], 255 - ink[2], 255 - ink[3]};
    light_to_rgb(light, rgb);
  }
}

// The same, ink by ink, black the last: until then `rgb` holds what the others let through.
static void mix_plane(const uint8_t *row, size_t from, long count, int plane, uint8_t *rgb) {
  for (long x = 0; x < count; x++, rgb += 3) {
    uint8_t passes = 255 - row[from + (size_t)x];
    const uint8_t light[4] = {rgb[0], rgb[1], rgb[2], passes};
    if (plane < 3) rgb[plane] = passes;
    else light_to_rgb(light, rgb);
  }
}

// ---- Blocks --------------------------------------------------------------------------------------------------------

// What a block and the region have in common, in the picture's coordinates.
struct overlap {
  long top, bottom, left, right;
};

static struct overlap overlap_of(
    const struct description *tiff, struct lmc_region region, long block_top, long block_left) {
  long bottom = block_top + (long)tiff->block_height, right = block_left + (long)tiff->block_width;
  struct overlap overlap = {
      block_top > region.top ? block_top : region.top,
      bottom < region.top + region.height ? bottom : region.top + region.height,
      block_left > region.left ? block_left : region.left,
      right < region.left + region.width ? right : region.left + region.width,
  };
  return overlap;
}

// Whether a row's numbers are the picture's own, one after another.
static int is_stored_as_wanted(const struct description *tiff, const struct lmc_header *header) {
  return !tiff->is_planar && tiff->photometric != PHOTOMETRIC_MINISWHITE && tiff->samples == header->channels &&
         tiff->bits == 8 * type_size(header->type);
}

static void place_row(
    const struct description *tiff, const struct lmc_header *header, const uint8_t *row, long from, long count,
    int plane, uint8_t *target) {
  size_t samples = tiff->is_planar ? 1 : tiff->samples;
  if (tiff->photometric == PHOTOMETRIC_PALETTE) {
    look_up(tiff, row, (size_t)from, count, target);
  } else if (tiff->photometric == PHOTOMETRIC_SEPARATED) {
    if (tiff->is_planar) mix_plane(row, (size_t)from, count, plane, target);
    else mix_inks(row, (size_t)from, count, target);
  } else if (is_stored_as_wanted(tiff, header)) {
    memcpy(target, row + (size_t)from * pixel_size(header), (size_t)count * pixel_size(header));
  } else {
    for (size_t sample = 0; sample < samples; sample++) {
      size_t channel = tiff->is_planar ? (size_t)plane : sample;
      if (channel >= (size_t)header->channels) continue;
      unpack(
          tiff, row, (size_t)from * samples + sample, samples, count, is_inverted(tiff, channel), header->type,
          target + channel * type_size(header->type), (size_t)header->channels);
    }
  }
}

static int read_block(
    TIFF *file, const struct description *tiff, long top, long left, int plane, uint8_t *block, tmsize_t size) {
  if (tiff->is_tiled) {
    uint32_t tile = TIFFComputeTile(file, (uint32_t)left, (uint32_t)top, 0, (uint16_t)plane);
    return TIFFReadEncodedTile(file, tile, block, size) >= 0;
  }
  uint32_t strip = TIFFComputeStrip(file, (uint32_t)top, (uint16_t)plane);
  return TIFFReadEncodedStrip(file, strip, block, size) >= 0;
}

static int read_blocks(
    TIFF *file, const struct description *tiff, const struct lmc_header *header, struct lmc_region region,
    uint8_t *block, tmsize_t size, uint8_t *pixels) {
  size_t stride = (size_t)region.width * pixel_size(header);
  tmsize_t row_size = tiff->is_tiled ? TIFFTileRowSize(file) : TIFFScanlineSize(file);
  long down = tiff->block_height, across = tiff->block_width;
  if (row_size <= 0 || row_size * down > size) return 0;
  for (int plane = 0; plane < (tiff->is_planar ? tiff->samples : 1); plane++)
    for (long top = region.top / down * down; top < region.top + region.height; top += down)
      for (long left = region.left / across * across; left < region.left + region.width; left += across) {
        memset(block, 0, (size_t)size);
        if (!read_block(file, tiff, top, left, plane, block, size)) return 0;
        struct overlap o = overlap_of(tiff, region, top, left);
        for (long y = o.top; y < o.bottom; y++)
          place_row(
              tiff, header, block + (y - top) * row_size, o.left - left, o.right - o.left, plane,
              pixels + (size_t)(y - region.top) * stride + (size_t)(o.left - region.left) * pixel_size(header));
      }
  return 1;
}

// A few bytes can be decoded to many, and again for each block that points at them: what the blocks hold in all is
// bounded by what the picture holds. Tiles reach beyond its edges.
static int check_blocks(
    TIFF *file, const struct description *tiff, const struct lmc_header *header, struct source *source) {
  double pixels = (double)tiff->width * tiff->height, stored = pixels * tiff->samples * tiff->bits / 8;
  double size = (double)(tiff->is_tiled ? TIFFTileSize(file) : TIFFStripSize(file));
  uint32_t blocks = tiff->is_tiled ? TIFFNumberOfTiles(file) : TIFFNumberOfStrips(file);
  // libtiff's conversion holds all planes' blocks and the picture as RGBA.
  double taken = tiff->is_converted ? size * (tiff->is_planar ? tiff->samples : 1) + 4 * pixels : size;
  if (source->has_failed) return LMC_DAMAGED;
  if (size <= 0 || size * blocks > LMC_MOST_MEMORY / 4 + 4 * stored)
    return damaged(source->message, "its tiles or strips are larger than the picture");
  if (taken > LMC_MOST_MEMORY + pixels * (double)pixel_size(header))
    return damaged(
        source->message, "decoding it takes more memory than its pixels and %d MiB beside them", LMC_MOST_MEMORY >> 20);
  // Where the list of blocks is too short, libtiff takes the file's first bytes for the others.
  for (uint32_t block = 0; block < blocks; block++)
    if (TIFFGetStrileOffset(file, block) == 0) return damaged(source->message, "tile or strip %u is missing", block);
  return LMC_OK;
}

static int read_samples(
    TIFF *file, const struct description *tiff, const struct lmc_header *header, struct lmc_region region,
    void *pixels, struct source *source) {
  tmsize_t size = tiff->is_tiled ? TIFFTileSize(file) : TIFFStripSize(file);
  uint8_t *block = malloc((size_t)size);
  if (block == NULL) return LMC_NO_MEMORY;
  int is_read = read_blocks(file, tiff, header, region, block, size, pixels);
  free(block);
  if (is_read && !source->has_failed) return LMC_OK;
  return source->has_failed ? LMC_DAMAGED : damaged(source->message, "its tiles or strips are damaged");
}

static int read_converted(
    TIFF *file, const struct lmc_header *header, struct lmc_region region, uint8_t *pixels, struct source *source) {
  uint32_t *image = calloc((size_t)header->width * (size_t)header->height, sizeof *image);
  if (image == NULL) return LMC_NO_MEMORY;
  // The file's own orientation: rows as they are stored.
  int is_read = TIFFReadRGBAImageOriented(
      file, (uint32_t)header->width, (uint32_t)header->height, image, header->orientation, 1);
  for (long y = 0; is_read && y < region.height; y++)
    for (long x = 0; x < region.width; x++, pixels += 3) {
      uint32_t pixel = image[(size_t)(region.top + y) * (size_t)header->width + (size_t)(region.left + x)];
      pixels[0] = (uint8_t)TIFFGetR(pixel);
      pixels[1] = (uint8_t)TIFFGetG(pixel);
      pixels[2] = (uint8_t)TIFFGetB(pixel);
    }
  free(image);
  if (is_read && !source->has_failed) return LMC_OK;
  return source->has_failed ? LMC_DAMAGED : damaged(source->message, "its colours cannot be converted");
}

// Whether the next page is as large as the first: a stack, or bands on pages of their own. Smaller copies and masks of
// the first are none.
static int holds_more_pages(TIFF *file, const struct description *tiff, struct source *source) {
  uint32_t width = 0, height = 0, kind = 0;
  if (TIFFLastDirectory(file)) return 0;
  int is_read = TIFFReadDirectory(file);
  // What is wrong with it is not wrong with the first.
  source->has_failed = 0;
  if (!is_read) return 0;
  TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(file, TIFFTAG_SUBFILETYPE, &kind);
  return !(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) && width == tiff->width && height == tiff->height;
}

static int could_not_open(const struct source *source) {
  return source->has_failed ? LMC_DAMAGED : LMC_NO_MEMORY;
}

int lmc_tiff_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message) {
  struct source source = {.bytes = bytes, .count = count, .message = message};
  struct description tiff;
  TIFF *file = open_file(&source);
  if (file == NULL) return could_not_open(&source);
  int status = describe(file, &tiff, message);
  if (status == LMC_OK) fill_header(file, &tiff, header);
  if (status == LMC_OK && holds_more_pages(file, &tiff, &source))
    status = damaged(
        message,
        "it holds several pages of %ux%u pixels, a stack or bands on pages of their own, wanted one picture with all "
        "its bands",
        tiff.width, tiff.height);
  TIFFClose(file);
  return status;
}

int lmc_tiff_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message) {
  struct source source = {.bytes = bytes, .count = count, .message = message};
  struct description tiff;
  TIFF *file = open_file(&source);
  if (file == NULL) return could_not_open(&source);
  int status = describe(file, &tiff, message);
  if (status == LMC_OK && ((long)tiff.width != header->width || (long)tiff.height != header->height))
    status = damaged(message, "the size changed while reading");
  if (status == LMC_OK) {
    // Decoders of JPEG and fax data fill what is damaged with something and warn.
    source.has_failed = 0;
    source.is_strict = tiff.compression == COMPRESSION_JPEG || tiff.compression == COMPRESSION_OJPEG ||
                       (tiff.compression >= COMPRESSION_CCITTRLE && tiff.compression <= COMPRESSION_CCITTFAX4);
    status = check_blocks(file, &tiff, header, &source);
  }
  if (status == LMC_OK)
    status = tiff.is_converted ? read_converted(file, header, region, pixels, &source)
                               : read_samples(file, &tiff, header, region, pixels, &source);
  TIFFClose(file);
  return status;
}

void lmc_tiff_library(char *text) {
  // "LIBTIFF, Version 4.5.0" and lines of copyright.
  const char *found = strstr(TIFFGetVersion(), "Version ");
  const char *version = found ? found + strlen("Version ") : "";
  snprintf(text, LMC_MESSAGE, "libtiff %.*s", (int)strcspn(version, "\n"), version);
}
