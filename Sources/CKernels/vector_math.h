// exp and erf without branches or calls, so that compilers vectorise loops over them. Included once per instruction
// set. Coefficients: iteratively reweighted least-squares fits, close to minimax, on the intervals given.

// exp(x), relative error below 2e-7; 0 below -87.3, clamped to exp(88.3), near the largest float, above 88.3.
static inline __attribute__((unused, always_inline)) float LMK_NAME(exponential)(float x) {
  LMK_FUSES
  const float clamped = x < -87.3f ? -87.3f : x > 88.3f ? 88.3f : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const float shifted = clamped * 1.44269504f + magic;
  const float n = shifted - magic;
  float r = clamped - n * 0.693145752f;  // ln 2 in two parts; the first has few bits, so its product with n is exact
  r = r - n * 1.42860677e-6f;
  // exp(r) = 1 + r + r² p(r), |r| <= ln 2 / 2
  float p = 0.00139504788f;
  p = p * r + 0.00836888421f;
  p = p * r + 0.0416662060f;
  p = p * r + 0.166665182f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  const int32_t exponent = (int32_t)(((uint32_t)bits - 0x4B400000u + 127u) << 23);
  float scale;
  memcpy(&scale, &exponent, sizeof scale);
  const float value = p * scale;
  return x < -87.3f ? 0.0f : value;
}

// erf(x), absolute error below 3.7e-7, by a rational function x P(x²)/Q(x²) that itself is within 2e-8; beyond 3.9 erf
// rounds to 1.
static inline __attribute__((unused, always_inline)) float LMK_NAME(error_function)(float x) {
  LMK_FUSES
  const float s = x * x;
  float p = 2.050391e-6f;
  p = p * s + 2.87457602e-4f;
  p = p * s + 3.83687811e-3f;
  p = p * s + 5.29669225e-2f;
  p = p * s + 1.91941008e-1f;
  p = p * s + 1.12837899f;
  float q = 3.8230799e-5f;
  q = q * s + 1.18173554e-3f;
  q = q * s + 1.51092065e-2f;
  q = q * s + 1.14758208e-1f;
  q = q * s + 5.03435075e-1f;
  q = q * s + 1.0f;
  const float inside = x * p / q;
  return fabsf(x) > 3.9f ? copysignf(1.0f, x) : inside;
}
