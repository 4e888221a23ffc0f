// Rows are padded to a multiple of sixteen, so that loops have no tail. The padding is first filled with a neutral
// value.
#define LMK_WHOLE_VECTORS _Pragma("clang loop vectorize_width(16) interleave_count(1)")

static long LMK_NAME(fill_behind)(long columns, float *x, float filler) {
  const long end = (columns + 15) / 16 * 16;
  for (long i = columns; i < end; i++) x[i] = filler;
  return end;
}

// Written with explicit vectors: compilers do not vectorise a maximum of floats that may be NaN.
static float LMK_NAME(largest_of)(long end, const float *restrict x) {
  typedef float sixteen __attribute__((ext_vector_type(16), aligned(4)));
  sixteen largest = *(const sixteen *)x;
  for (long i = 16; i < end; i += 16) {
    const sixteen next = *(const sixteen *)(x + i);
    largest = next > largest ? next : largest;
  }
  float lane[16];
  memcpy(lane, &largest, sizeof lane);
  for (int width = 8; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lane[l] = lane[l + width] > lane[l] ? lane[l + width] : lane[l];
  return lane[0];
}

static void LMK_NAME(softmax)(
    long rows, long columns, long stride, float scale, float *restrict x, float *restrict log_sum_exp) {
  for (long r = 0; r < rows; r++, x += stride) {
    const long end = LMK_NAME(fill_behind)(columns, x, -INFINITY);
    const float largest = LMK_NAME(largest_of)(end, x);
    float sum = 0;
    LMK_WHOLE_VECTORS
    for (long i = 0; i < end; i++) {
      LMK_REDUCES
      const float value = LMK_NAME(exponential)(scale * (x[i] - largest));
      x[i] = value;
      sum += value;
    }
    const float inverse = 1.0f / sum;
    LMK_WHOLE_VECTORS
    for (long i = 0; i < end; i++) x[i] *= inverse;
    log_sum_exp[r] = scale * largest + logf(sum);
  }
}

static void LMK_NAME(softmax_from_log_sum_exp)(
    long rows, long columns, long stride, float scale, float *restrict x, const float *restrict log_sum_exp) {
  for (long r = 0; r < rows; r++, x += stride) {
    const long end = LMK_NAME(fill_behind)(columns, x, -INFINITY);
    const float shift = log_sum_exp[r];
    LMK_WHOLE_VECTORS
    for (long i = 0; i < end; i++) {
      LMK_FUSES
      x[i] = LMK_NAME(exponential)(scale * x[i] - shift);
    }
  }
}

static void LMK_NAME(softmax_gradient)(
    long rows, long columns, long stride, float scale, const float *restrict y, float *restrict dy) {
  for (long r = 0; r < rows; r++, y += stride, dy += stride) {
    const long end = LMK_NAME(fill_behind)(columns, dy, 0);
    float product = 0;
    LMK_WHOLE_VECTORS
    for (long i = 0; i < end; i++) {
      LMK_REDUCES
      product += y[i] * dy[i];
    }
    LMK_WHOLE_VECTORS
    for (long i = 0; i < end; i++) {
      LMK_FUSES
      dy[i] = scale * y[i] * (dy[i] - product);
    }
  }
}
#undef LMK_WHOLE_VECTORS
