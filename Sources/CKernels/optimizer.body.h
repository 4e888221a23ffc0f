LMK_INLINED void LMK_NAME(adamw_step)(
    long n, float *restrict parameter, const float *restrict gradient, float *restrict mean, float *restrict square,
    const struct lmk_adamw_factors *factors, float *restrict target, float momentum, int averages) {
  const struct lmk_adamw_factors f = *factors;
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    const float g = gradient[i];
    const float m = f.beta1 * mean[i] + (1.0f - f.beta1) * g;
    const float v = f.beta2 * square[i] + (1.0f - f.beta2) * g * g;
    mean[i] = m;
    square[i] = v;
    const float decayed = parameter[i] * f.decay;
    const float updated = decayed - f.rate * m / (sqrtf(v * f.square_correction) + f.epsilon);
    parameter[i] = updated;
    if (averages) target[i] = momentum * target[i] + (1.0f - momentum) * updated;
  }
}

static void LMK_NAME(adamw)(
    long n, float *parameter, const float *gradient, float *mean, float *square,
    const struct lmk_adamw_factors *factors, float *target, float momentum) {
  if (target)
    LMK_NAME(adamw_step)(n, parameter, gradient, mean, square, factors, target, momentum, 1);
  else
    LMK_NAME(adamw_step)(n, parameter, gradient, mean, square, factors, target, momentum, 0);
}

static void LMK_NAME(average)(long n, float momentum, const float *restrict online, float *restrict target) {
  for (long i = 0; i < n; i++) {
    LMK_FUSES
    target[i] = momentum * target[i] + (1.0f - momentum) * online[i];
  }
}
