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

// erf(x), absolute error below 2e-7.
static inline __attribute__((unused, always_inline)) float LMK_NAME(error_function)(float x) {
  LMK_FUSES
  const float a = fabsf(x);
  const float s = x * x;
  // |x| <= 1: x + x p(x²)
  float p = 7.88911930e-5f;
  p = p * s - 8.02084105e-4f;
  p = p * s + 5.18953521e-3f;
  p = p * s - 0.0268544443f;
  p = p * s + 0.112836003f;
  p = p * s - 0.376126260f;
  p = p * s + 0.128379166f;
  const float small = x + x * p;
  // 1 <= |x| <= 4: 1 - exp(q(|x|)); beyond 4 it rounds to 1
  const float t = a > 4.0f ? 4.0f : a;
  float q = -2.16868502e-5f;
  q = q * t + 4.41336364e-4f;
  q = q * t - 4.20456193e-3f;
  q = q * t + 0.0252082571f;
  q = q * t - 0.108418576f;
  q = q * t - 0.633219898f;
  q = q * t - 1.12957847f;
  q = q * t + 1.88040227e-4f;
  const float large = copysignf(1.0f - LMK_NAME(exponential)(q), x);
  return a <= 1.0f ? small : large;
}
