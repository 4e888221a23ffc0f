// All that would tie the module to a glibc later than 2.34: Swift's runtime has a wrapper of hypotf, which nobody here
// calls, and glibc 2.35 gave hypotf a new version. With one of its own, the module also loads where glibc is 2.34.
#include <math.h>

float hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)sqrt((double)x * x + (double)y * y);
}
