// Decoders of image files, each behind an error trap: bytes in, pixels out, never a jump or an exit past the caller.
// What the libraries behind them allocate is freed before a function returns.
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

/// Reads the header of a JPEG file.
int lmc_jpeg_size(const uint8_t *bytes, size_t count, long *width, long *height, char *message);
/// Decodes a JPEG file into rgb [height, width, 3], sizes as lmc_jpeg_size gave them. Grey is repeated; CMYK and YCCK
/// follow Adobe's inverted convention. Data that are damaged or end early are failures.
int lmc_jpeg_decode(const uint8_t *bytes, size_t count, long width, long height, uint8_t *rgb, char *message);

#endif
