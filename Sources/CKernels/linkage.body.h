// Eight sums a pair of rows, whatever the width of registers: the same order of summation on every instruction set.
typedef double LMK_NAME(eight) __attribute__((vector_size(64), aligned(8)));

// Four rows by two: eight vectors of sums stay in registers, and six loads serve eight differences.
static void LMK_NAME(squared_distances)(long width, const double *a, const double *b, double *squares, long stride) {
  typedef LMK_NAME(eight) eight;
  eight sums[4][2];
  memset(sums, 0, sizeof sums);
  for (long i = 0; i < width; i += 8) {
    LMK_FUSES
    const eight first = *(const eight *)(b + i), second = *(const eight *)(b + width + i);
#pragma clang loop unroll(full)
    for (long r = 0; r < 4; r++) {
      const eight row = *(const eight *)(a + r * width + i);
      const eight d = row - first, e = row - second;
      sums[r][0] += d * d;
      sums[r][1] += e * e;
    }
  }
  for (long r = 0; r < 4; r++) {
    for (long c = 0; c < 2; c++) {
      const eight s = sums[r][c];
      squares[r * stride + c] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    }
  }
}

// The first of equal ones. Each lane keeps its least and where it met it first.
static void LMK_NAME(nearest)(long n, const double *row, const double *penalties, double *least, long *nearest) {
  enum { lanes = 16 };
  double values[lanes];
  int64_t places[lanes];
  for (long l = 0; l < lanes; l++) {
    values[l] = INFINITY;
    places[l] = INT64_MAX;
  }
  long i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (long l = 0; l < lanes; l++) {
      const double value = row[i + l] + penalties[i + l];
      const int is_less = value < values[l];
      values[l] = is_less ? value : values[l];
      places[l] = is_less ? i + l : places[l];
    }
  }
  for (long l = 0; i < n; i++, l++) {
    const double value = row[i] + penalties[i];
    if (value < values[l]) {
      values[l] = value;
      places[l] = i;
    }
  }
  *least = INFINITY;
  *nearest = -1;
  int64_t first = INT64_MAX;
  for (long l = 0; l < lanes; l++) {
    if (values[l] < *least || (values[l] == *least && places[l] < first)) {
      *least = values[l];
      first = places[l];
    }
  }
  if (first != INT64_MAX) *nearest = (long)first;
}

// Lance-Williams.
static void LMK_NAME(merge_distances)(
    long count, int linkage, const double *restrict first, double n, double m, double between,
    const double *restrict sizes, double *restrict second) {
  switch (linkage) {
    case LMK_WARD:
      for (long i = 0; i < count; i++) {
        const double k = sizes[i], a = first[i], b = second[i];
        second[i] = sqrt(((n + k) * a * a + (m + k) * b * b - k * between * between) / (n + m + k));
      }
      break;
    case LMK_AVERAGE:
      for (long i = 0; i < count; i++) second[i] = (n * first[i] + m * second[i]) / (n + m);
      break;
    case LMK_COMPLETE:
      for (long i = 0; i < count; i++) second[i] = first[i] > second[i] ? first[i] : second[i];
      break;
    default:
      for (long i = 0; i < count; i++) second[i] = first[i] < second[i] ? first[i] : second[i];
  }
}
