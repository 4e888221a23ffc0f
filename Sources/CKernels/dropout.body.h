// Draws first ..< first + LMK_DROPOUT_DRAWS of a stream (Philox4x32-10): words[k][i] is word k of draw first + i.
static void LMK_NAME(draws)(
    const struct lmk_stream *stream, uint32_t first, uint32_t words[restrict 4][LMK_DROPOUT_DRAWS]) {
  for (uint32_t i = 0; i < LMK_DROPOUT_DRAWS; i++) {
    uint32_t c0 = first + i, c1 = stream->item, c2 = stream->epoch, c3 = stream->purpose;
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int round = 0; round < 10; round++) {
      const uint64_t left = (uint64_t)0xD2511F53u * c0, right = (uint64_t)0xCD9E8D57u * c2;
      c0 = (uint32_t)(right >> 32) ^ c1 ^ k0;
      c1 = (uint32_t)right;
      c2 = (uint32_t)(left >> 32) ^ c3 ^ k1;
      c3 = (uint32_t)left;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    words[0][i] = c0;
    words[1][i] = c1;
    words[2][i] = c2;
    words[3][i] = c3;
  }
}

LMK_INLINED void LMK_NAME(drop_some)(
    long n, const uint32_t *restrict words, const void *restrict x, void *restrict y, long start, uint32_t threshold,
    float scale, int type) {
  for (long i = 0; i < n; i++) {
    const float value = scale * LMK_NAME(get)(x, start + i, type);
    LMK_NAME(put)(y, start + i, type, words[i] < threshold ? 0.0f : value);
  }
}

static void LMK_NAME(dropout)(
    long rows, long width, const void *x, void *y, int type, const struct lmk_stream *stream, uint32_t first,
    uint32_t threshold, float scale) {
  const long block = 4 * LMK_DROPOUT_DRAWS;
  uint32_t words[4][LMK_DROPOUT_DRAWS];
  for (long r = 0; r < rows; r++)
    for (long done = 0; done < width; done += block, first += LMK_DROPOUT_DRAWS) {
      LMK_NAME(draws)(stream, first, words);
      const long count = width - done < block ? width - done : block;
      LMK_ONE_TYPE(type, LMK_NAME(drop_some), count, words[0], x, y, r * width + done, threshold, scale)
    }
}
