// GELU, x·Φ(x), and its derivative Φ(x) + x·φ(x). For float32 with Φ within 2e-7; for bfloat16 with approximations
// (rough_…) that cost half as much. Included once per instruction set, after vector_math.h.
struct LMK_NAME(gelu_both) {
  float value, slope;
};

// 2^x for x <= 126, relative error below 8e-5; x is clamped to at least -126. The polynomial is a minimax fit.
static inline __attribute__((unused, always_inline)) float LMK_NAME(rough_power_of_two)(float x) {
  LMK_FUSES
  const float clamped = x < -126.0f ? -126.0f : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const float shifted = clamped + magic;
  const float r = clamped - (shifted - magic);
  float p = 0.0551709480f;
  p = p * r + 0.242610512f;
  p = p * r + 0.693261033f;
  p = p * r + 0.999928114f;
  uint32_t bits, power;
  memcpy(&bits, &shifted, sizeof bits);
  memcpy(&power, &p, sizeof power);
  power += bits << 23;  // the integer's lowest bits, added to the exponent
  memcpy(&p, &power, sizeof p);
  return p;
}

// 1/Φ(x) = 1 + 2^(-x·q(x²)) for x >= -25, relative error below 2^-12 where Φ(x) >= 1e-6. q is a minimax fit of
// log2(Φ/(1 - Φ))/x for |x| <= 6.
static inline __attribute__((unused, always_inline)) float LMK_NAME(rough_inverse_below)(float x) {
  LMK_FUSES
  const float square = x * x;
  const float s = square > 36.0f ? 36.0f : square;
  float q = -7.07930994e-8f;
  q = q * s + 4.30398268e-6f;
  q = q * s - 8.24344315e-5f;
  q = q * s - 4.95849585e-4f;
  q = q * s + 0.105738327f;
  q = q * s + 2.30160165f;
  return 1.0f + LMK_NAME(rough_power_of_two)(-x * q);
}

// Clamps to -25, below which GELU and its derivative round to zero.
static inline __attribute__((unused, always_inline)) float LMK_NAME(rough_argument)(float x) {
  return x < -25.0f ? -25.0f : x;
}

static inline __attribute__((unused, always_inline)) float LMK_NAME(rough_density)(float x) {
  LMK_FUSES
  return 0.398942280f * LMK_NAME(rough_power_of_two)(-0.721347520f * x * x);
}

static inline __attribute__((unused, always_inline)) float LMK_NAME(gelu_value)(float x, int type) {
  LMK_FUSES
  if (type == LMK_BFLOAT16) {
    const float from = LMK_NAME(rough_argument)(x);
    return from / LMK_NAME(rough_inverse_below)(from);
  }
  return x * (0.5f + 0.5f * LMK_NAME(error_function)(x * 0.707106781f));
}

static inline __attribute__((unused, always_inline)) struct LMK_NAME(gelu_both) LMK_NAME(gelu_value_and_slope)(
    float x, int type) {
  LMK_FUSES
  if (type == LMK_BFLOAT16) {
    const float from = LMK_NAME(rough_argument)(x), below = 1.0f / LMK_NAME(rough_inverse_below)(from);
    return (struct LMK_NAME(gelu_both)){from * below, below + from * LMK_NAME(rough_density)(from)};
  }
  const float below = 0.5f + 0.5f * LMK_NAME(error_function)(x * 0.707106781f);
  const float density = 0.398942280f * LMK_NAME(exponential)(-0.5f * x * x);
  return (struct LMK_NAME(gelu_both)){x * below, below + x * density};
}
