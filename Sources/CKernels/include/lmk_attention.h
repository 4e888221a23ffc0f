// Attention of one head for processors with AVX2 or AVX-512, by the products of lmk_product.h.
#ifndef LMK_ATTENTION_H
#define LMK_ATTENTION_H

#include "lmk_product.h"

/// output = softmax(scale · (q·kᵀ + bias))·v for some queries of one head and all of its keys, one chunk of keys after
/// the other: the scores of a chunk stay in caches. The largest score and the sum of a row are carried along (online
/// softmax, https://arxiv.org/abs/1805.02867).
struct lmk_attention {
  int arithmetic;       ///< LMK_PRODUCT_FLOAT32, LMK_PRODUCT_AVX2 or LMK_PRODUCT_PAIRS
  long queries, keys;
  long width;           ///< packs into at most LMK_DEPTH_WORDS words
  float scale;
  struct lmk_matrix q;  ///< [queries, width]
  const uint32_t *k;    ///< kᵀ [width, keys], packed by lmk_pack_b
  long k_panel_stride;
  const uint32_t *v;    ///< v [keys, width], packed by lmk_pack_b
  long v_panel_stride;
  const float *bias;    ///< [queries, keys], rows bias_stride apart, or NULL
  long bias_stride;
  void *output;         ///< [queries, width], of output_type, rows output_stride elements apart
  long output_stride;
  int output_type;
  float *log_sum_exp;   ///< [queries]
  float *scratch;       ///< lmk_attention_scratch(width) floats at an address divisible by 64
};
void lmk_attention(const struct lmk_attention *attention);
long lmk_attention_scratch(long width);

#endif
