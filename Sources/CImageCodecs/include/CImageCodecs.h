// Decoders of image files, and the encoder of label maps, each behind an error trap: bytes in, pixels out, never a jump
// or an exit past the caller. What the libraries behind them allocate is freed before a function returns.
#ifndef CIMAGECODECS_H
#define CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

/// How a call ended.
enum {
  LMC_OK = 0,
  /// The file is damaged, cut short or of a kind that the library does not read; the message has its word.
  LMC_DAMAGED = 1,
  /// The system has no memory.
  LMC_NO_MEMORY = 2,
};

enum {
  /// Characters that a message may take, its final zero included.
  LMC_MESSAGE = 200,
  /// Bytes that a decoder may take beside the pixels; a file that needs more counts as damaged.
  LMC_MOST_MEMORY = 512 << 20,
};

/// How a channel is stored.
enum { LMC_UINT8 = 0, LMC_UINT16 = 1, LMC_FLOAT32 = 2 };

/// What the last channel is: a colour like the others, or how much the pixel covers. Colours of a premultiplied
/// picture are multiplied by it already.
enum { LMC_NO_ALPHA = 0, LMC_ALPHA = 1, LMC_PREMULTIPLIED_ALPHA = 2 };

/// What a file says of its pixels before anything of their size is allocated.
struct lmc_header {
  long width, height, channels;
  /// LMC_UINT8, LMC_UINT16 or LMC_FLOAT32.
  int type;
  /// LMC_NO_ALPHA, LMC_ALPHA or LMC_PREMULTIPLIED_ALPHA.
  int alpha;
  /// TIFF's tag 274, where the format's own header has it; else 0.
  int orientation;
  /// Whether pixels are the file's own numbers: not looked up in a palette, not scaled, not turned.
  int is_raw;
};

/// Which pixels are wanted: rows top … top + height - 1, columns left … left + width - 1.
struct lmc_region {
  long top, left, height, width;
};

// Each format has a function that reads the header of a file, and one that writes the region's pixels
// [height, width, channels] as its header says. Data that are damaged or end early are failures; data behind the
// region may not be looked at.

// And one that writes the name and version of what decodes it: "libpng 1.6.39", LMC_MESSAGE characters at most.

/// One channel or RGB. CMYK and YCCK follow Adobe's inverted convention.
int lmc_jpeg_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);
/// - reduction: 1, 2, 4 or 8: sides are divided by it and rounded up. The header and the region are the reduced
///   picture's.
int lmc_jpeg_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, int reduction,
    void *pixels, char *message);
void lmc_jpeg_library(char *text);

/// 1, 2, 3 or 4 channels of 8 or 16 bits; palettes and fewer bits become 8, a transparent colour becomes alpha.
int lmc_png_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);
int lmc_png_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message);
void lmc_png_library(char *text);
/// The header of a file's own numbers, which lmc_png_decode then gives: indices of a palette, grey of any bits.
int lmc_png_label_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);
/// A file with a palette of 256 colours and 8 bits, `labels` [height, width] their indices. `*file` is freed with free.
int lmc_png_encode_labels(
    const uint8_t *labels, uint32_t height, uint32_t width, uint8_t **file, size_t *size, char *message);

/// RGB, or RGBA with alpha. Of a moving picture, the first frame on its canvas.
int lmc_webp_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);
int lmc_webp_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message);
void lmc_webp_library(char *text);

/// Any number of channels of 8 or 16 bits or of floats, stored pixel by pixel or plane by plane; palettes, fewer bits,
/// CMYK and YCbCr become RGB of 8 bits. The first picture of a file that has several.
int lmc_tiff_header(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);
int lmc_tiff_decode(
    const uint8_t *bytes, size_t count, const struct lmc_header *header, struct lmc_region region, void *pixels,
    char *message);
void lmc_tiff_library(char *text);

#endif
