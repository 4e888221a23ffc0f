// Micro-kernels with AVX2. Included once for each of the instructions that multiply bytes.
#ifndef LMK_HAS_AVXVNNI
// sum + neighbours added up.
static inline __attribute__((always_inline)) __m256i LMK_NAME(add_pairs)(__m256i pairs, __m256i sum) {
  sum = _mm256_add_epi32(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)), sum);
  // Else compilers reorder more than there are registers for.
  LMK_KEEP(sum);
  return sum;
}
#endif

static inline __attribute__((always_inline)) __m256 LMK_NAME(multiply_add)(
    enum lmk_words words, __m256 a, __m256 b, __m256 sum) {
  if (words == LMK_FLOATS) return _mm256_fmadd_ps(a, b, sum);
  const __m256i bytes = _mm256_castps_si256(a), others = _mm256_castps_si256(b), total = _mm256_castps_si256(sum);
#ifdef LMK_HAS_AVXVNNI
  return _mm256_castsi256_ps(_mm256_dpbusd_avx_epi32(total, bytes, others));
#else
  return _mm256_castsi256_ps(LMK_NAME(add_pairs)(_mm256_maddubs_epi16(bytes, others), total));
#endif
}

// One word of depth: rank-1 update of the sums.
static inline __attribute__((always_inline)) void LMK_NAME(step)(
    enum lmk_words kind, bool by_rows, int rows, long row, long k, const float *const a[row_groups], const float *b,
    __m256 c[LMK_AVX2_TILE_ROWS][2]) {
  const __m256 left = _mm256_load_ps(b), right = _mm256_load_ps(b + lanes);
  UNROLLED for (int i = 0; i < rows; i++) {
    const float *number = by_rows ? &a[i / rows_together][i % rows_together * row + k] : &a[0][i + k];
    const __m256 value = _mm256_broadcast_ss(number);
    c[i][0] = LMK_NAME(multiply_add)(kind, value, left, c[i][0]);
    c[i][1] = LMK_NAME(multiply_add)(kind, value, right, c[i][1]);
  }
}

// The words of depth that are multiplied together. Four products of bytes fit 16 bits (product_quantize_avx2.c): those
// of two words are added up there, which saves every second widening.
static inline __attribute__((always_inline)) void LMK_NAME(steps)(
    enum lmk_words kind, bool by_rows, int rows, long row, const float *const a[row_groups], const float *b,
    __m256 c[LMK_AVX2_TILE_ROWS][2]) {
  const long next = by_rows ? 1 : LMK_AVX2_TILE_ROWS;
#ifndef LMK_HAS_AVXVNNI
  if (kind == LMK_BYTES) {
    UNROLLED for (int k = 0; k < words_together; k += 2) {
      const __m256i *words = (const __m256i *)(b + k * columns);
      UNROLLED for (int i = 0; i < rows; i++) {
        const float *number = &a[i / rows_together][i % rows_together * row + k];
        const __m256i first = _mm256_castps_si256(_mm256_broadcast_ss(number));
        const __m256i second = _mm256_castps_si256(_mm256_broadcast_ss(number + 1));
        UNROLLED for (int j = 0; j < 2; j++) {
          const __m256i pairs =
              _mm256_add_epi16(_mm256_maddubs_epi16(first, words[j]), _mm256_maddubs_epi16(second, words[2 + j]));
          c[i][j] = _mm256_castsi256_ps(LMK_NAME(add_pairs)(pairs, _mm256_castps_si256(c[i][j])));
        }
      }
    }
    return;
  }
#endif
  UNROLLED for (int k = 0; k < words_together; k++)
    LMK_NAME(step)(kind, by_rows, rows, row, k * next, a, b + k * columns, c);
}

// Sums of bytes as floats.
static inline __attribute__((always_inline)) __m256 LMK_NAME(dequantized)(
    const struct lmk_tile *t, long row, long column, __m256 sum) {
  const struct lmk_scales *q = &t->quantized;
  const __m256i zero = _mm256_set1_epi32(q->zeros[row]);
  const __m256i own = _mm256_loadu_si256((const __m256i *)(q->column_sums + column));
  const __m256i shifted = _mm256_sub_epi32(_mm256_castps_si256(sum), _mm256_mullo_epi32(zero, own));
  const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(q->scales[row]), _mm256_loadu_ps(q->column_scales + column));
  return _mm256_mul_ps(_mm256_cvtepi32_ps(shifted), scale);
}

static inline __attribute__((always_inline)) void LMK_NAME(compute_tile)(
    enum lmk_words kind, bool by_rows, bool starts, enum lmk_destination destination, int rows,
    const struct lmk_tile *t) {
  long row = t->a_row;
  const long next = by_rows ? 1 : LMK_AVX2_TILE_ROWS, words = t->words;
  const float *a[row_groups], *b = (const float *)t->b;
  const char *ahead = t->ahead;
  UNROLLED for (int g = 0; g < row_groups; g++) {
    a[g] = (const float *)t->a + (by_rows ? g * rows_together * row : 0);
  }
  // What will be written: its lines arrive while the sums are computed.
  UNROLLED for (int i = 0; i < rows; i++) _mm_prefetch((const char *)((float *)t->c + i * t->c_row), _MM_HINT_T0);
  __m256 c[LMK_AVX2_TILE_ROWS][2];
  UNROLLED for (int i = 0; i < rows; i++) {
    UNROLLED for (int j = 0; j < 2; j++)
      c[i][j] = starts ? _mm256_setzero_ps() : _mm256_load_ps(t->sums + i * columns + j * lanes);
  }
  long k = 0;
  for (; k + words_together <= words; k += words_together) {
    _mm_prefetch(ahead + LMK_AVX2_AHEAD_BYTES * k, _MM_HINT_T1);
    UNROLLED for (int i = 0; i < words_together; i++)
      _mm_prefetch((const char *)(b + (words_ahead + i) * columns), _MM_HINT_T0);
    // Keep the stride and both row pointers in registers: computed addresses would take one for each row.
    if (by_rows) __asm__("" : "+r"(row), "+r"(a[0]), "+r"(a[1]));
    LMK_NAME(steps)(kind, by_rows, rows, row, a, b, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += words_together * next;
    b += words_together * columns;
  }
  for (; k < words; k++, b += columns) {
    LMK_NAME(step)(kind, by_rows, rows, row, 0, a, b, c);
    UNROLLED for (int g = 0; g < row_groups; g++) a[g] += next;
  }
  const bool dequantizes = kind == LMK_BYTES && t->quantized.scales;
  UNROLLED for (int i = 0; i < rows; i++) {
    UNROLLED for (int j = 0; j < 2; j++) {
      const long column = j * lanes;
      if (dequantizes) c[i][j] = LMK_NAME(dequantized)(t, i, column, c[i][j]);
      if (destination == LMK_TO_SUMS) {
        _mm256_store_ps(t->sums + i * columns + column, c[i][j]);
      } else {
        const __m256 value = _mm256_add_ps(c[i][j], _mm256_loadu_ps(t->bias + column));
        _mm256_storeu_ps((float *)t->c + i * t->c_row + column, value);
      }
    }
  }
}
