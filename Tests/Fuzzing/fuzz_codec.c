// A libFuzzer target for one decoder of CImageCodecs, named by -DCODEC=jpeg, png, webp or tiff.
//
// Each input is taken as a file: its header is read, then all of it and a part that the bytes choose are decoded,
// within the limits that `EncodedImage` sets; where the codec reads labels, the same again for its own numbers. Besides
// what the sanitizers see, an input fails where
// - a part of a sound picture is an error or differs from the whole's pixels, as unwritten pixels would,
// - decoding takes more memory than twice the pixels and LMC_MOST_MEMORY,
// - an error comes without a message.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/allocator_interface.h>

#include "CImageCodecs.h"
#include "../../Sources/CImageCodecs/pixels.h"

#define JOIN(a, b, c) a##b##c
#define FUNCTION(codec, name) JOIN(lmc_, codec, name)

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t most);

static void require(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  abort();
}

// ---- Memory --------------------------------------------------------------------------------------------------------

static _Atomic size_t in_use, most_in_use;
static size_t most_beside_pixels;

static void note_allocation(const volatile void *block, size_t size) {
  (void)block;
  size_t now = atomic_fetch_add(&in_use, size) + size;
  if (now > most_in_use) most_in_use = now;
}

static void note_release(const volatile void *block) {
  if (block) atomic_fetch_sub(&in_use, __sanitizer_get_allocated_size(block));
}

static void check_memory(size_t before, size_t pixels) {
  size_t taken = most_in_use - before;
  if (taken > most_beside_pixels) most_beside_pixels = taken;
  require(taken <= pixels + LMC_MOST_MEMORY, "decoding takes at most the pixels' size and LMC_MOST_MEMORY beside them");
}

static void report_memory(void) { fprintf(stderr, "stat::most_bytes_beside_pixels: %zu\n", most_beside_pixels); }

// ---- Limits --------------------------------------------------------------------------------------------------------

// Values that a picture may have here: those of `EncodedImage` (2^30) make a run slow, FUZZ_VALUES=1073741824 takes
// them.
static long most_values = 1 << 20;

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count, (void)arguments;
  const char *wanted = getenv("FUZZ_VALUES");
  if (wanted) most_values = atol(wanted);
  __sanitizer_install_malloc_and_free_hooks(note_allocation, note_release);
  atexit(report_memory);
  return 0;
}

static int is_within_limits(const struct lmc_header *header) {
  const long most_pixels = 1 << 28;
  long width = header->width, height = header->height;
  if (width <= 0 || height <= 0 || width > most_pixels / height) return 0;
  return header->channels > 0 && header->channels <= most_values / (width * height);
}

// ---- Calls ---------------------------------------------------------------------------------------------------------

struct file {
  const uint8_t *bytes;
  size_t count;
  // As the decoder wants it: the reduced picture's.
  struct lmc_header header;
  int reduction;
};

static void check_status(int status, const char *message) {
  require(status >= LMC_OK && status <= LMC_NO_MEMORY, "the status is known");
  if (status == LMC_DAMAGED) require(message[0] && strnlen(message, LMC_MESSAGE) < LMC_MESSAGE, "there is a message");
}

typedef int reader(const uint8_t *bytes, size_t count, struct lmc_header *header, char *message);

static int read_header(reader *header, struct file *file) {
  char message[LMC_MESSAGE] = "";
  size_t before = most_in_use = in_use;
  int status = header(file->bytes, file->count, &file->header, message);
  check_status(status, message);
  check_memory(before, 0);
  return status;
}

static int decode(const struct file *file, struct lmc_region region, void *pixels, size_t size) {
  char message[LMC_MESSAGE] = "";
  size_t before = most_in_use = in_use;
#ifdef HAS_REDUCTION
  int status = FUNCTION(CODEC, _decode)(
      file->bytes, file->count, &file->header, region, file->reduction, pixels, message);
#else
  int status = FUNCTION(CODEC, _decode)(file->bytes, file->count, &file->header, region, pixels, message);
#endif
  check_status(status, message);
  check_memory(before, size);
  return status;
}

// ---- A part and the whole ------------------------------------------------------------------------------------------

static uint64_t hash(const uint8_t *bytes, size_t count) {
  uint64_t value = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; i++) value = (value ^ bytes[i]) * 0x100000001b3;
  return value ^ value >> 29;
}

// One end of a region and its length, chosen by bits of `choice`: often few, sometimes all.
static void choose(uint64_t choice, long size, long *from, long *length) {
  if (choice % 5 == 0) {
    *from = 0;
    *length = size;
  } else {
    *from = (long)(choice >> 8 & 0xFFFFFF) % size;
    *length = 1 + (long)(choice >> 32 & 0xFFFFFF) % (size - *from);
  }
}

static void compare(
    const struct file *file, struct lmc_region region, const uint8_t *whole, const uint8_t *part) {
  size_t size = pixel_size(&file->header), row = (size_t)region.width * size;
  for (long y = 0; y < region.height; y++) {
    const uint8_t *rows = whole + ((size_t)(region.top + y) * (size_t)file->header.width + (size_t)region.left) * size;
    if (memcmp(rows, part + (size_t)y * row, row) == 0) continue;
    fprintf(
        stderr, "%ldx%ld of %ldx%ld pixels at (%ld, %ld), sides divided by %d: row %ld\n", region.height, region.width,
        file->header.height, file->header.width, region.top, region.left, file->reduction, y);
    require(0, "a part has the whole's pixels");
  }
}

static void decode_both(const struct file *file, struct lmc_region region) {
  size_t size = pixel_size(&file->header);
  struct lmc_region all = {.height = file->header.height, .width = file->header.width};
  size_t all_size = (size_t)(all.height * all.width) * size, part_size = (size_t)(region.height * region.width) * size;
  // Fillings differ: a pixel that nobody writes differs, too.
  uint8_t *whole = malloc(all_size), *part = malloc(part_size);
  if (whole && part) {
    memset(whole, 0x5A, all_size);
    memset(part, 0xA5, part_size);
    int is_sound = decode(file, all, whole, all_size) == LMC_OK;
    int is_part_sound = decode(file, region, part, all_size) == LMC_OK;
    require(is_part_sound || !is_sound, "a part of a sound picture is sound");
    if (is_sound) compare(file, region, whole, part);
  }
  free(whole);
  free(part);
}

static void check_file(reader *header, const uint8_t *bytes, size_t count) {
  struct file file = {.bytes = bytes, .count = count, .reduction = 1};
  if (read_header(header, &file) != LMC_OK || !is_within_limits(&file.header)) return;
  uint64_t choice = hash(bytes, count);
#ifdef HAS_REDUCTION
  file.reduction = 1 << (choice >> 61 & 3);
  file.header.width = (file.header.width - 1) / file.reduction + 1;
  file.header.height = (file.header.height - 1) / file.reduction + 1;
#endif
  struct lmc_region region = {0};
  choose(choice, file.header.height, &region.top, &region.height);
  choose(choice * 0x9E3779B97F4A7C15, file.header.width, &region.left, &region.width);
  decode_both(&file, region);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  check_file(FUNCTION(CODEC, _header), bytes, count);
#ifdef HAS_LABELS
  check_file(FUNCTION(CODEC, _label_header), bytes, count);
#endif
  return 0;
}

// ---- Checksums -----------------------------------------------------------------------------------------------------

#ifdef HAS_CHECKSUMS
#include <zlib.h>

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// A zlib stream with a wrong sum is refused at its end.
static void mend_stream(uint8_t *content, size_t size) {
  static uint8_t inflated[1 << 16];
  if (size < 6) return;
  z_stream stream = {.next_in = content + 2, .avail_in = (uInt)size - 2, .next_out = inflated, .avail_out = 1 << 16};
  if (inflateInit2(&stream, -15) != Z_OK) return;
  if (inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in >= 4) {
    uint32_t sum = (uint32_t)adler32(1, inflated, (uInt)stream.total_out);
    for (int i = 0; i < 4; i++) stream.next_in[i] = (uint8_t)(sum >> (24 - 8 * i));
  }
  inflateEnd(&stream);
}

// Chunks of PNG with a wrong sum are refused before their content is looked at: most inputs get right ones.
static void mend_checksums(uint8_t *bytes, size_t count) {
  for (size_t place = 8; place + 12 <= count;) {
    size_t length = big_endian(bytes + place);
    if (length > count - place - 12) return;
    if (memcmp(bytes + place + 4, "IDAT", 4) == 0) mend_stream(bytes + place + 8, length);
    uint32_t sum = (uint32_t)crc32(0, bytes + place + 4, (uInt)length + 4);
    for (int i = 0; i < 4; i++) bytes[place + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    place += length + 12;
  }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t most, unsigned seed) {
  size_t changed = LLVMFuzzerMutate(bytes, count, most);
  if (seed % 16) mend_checksums(bytes, changed);
  return changed;
}
#endif
