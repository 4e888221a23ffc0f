// The only function of a glibc later than 2.34 that the module wants: Swift's runtime has a wrapper of hypotf, which nobody
// here calls, and glibc 2.35 gave hypotf a new version. With one in the wheel, it also loads where glibc is 2.34.
#include <math.h>

float hypotf(float x, float y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return (float)sqrt((double)x * x + (double)y * y);
}
