// OpenBLAS chooses its kernels by a table of processor families. A processor newer than the library falls through to a
// lower instruction set, at half the speed where AVX-512 is there. Its own override is an environment variable read when
// the library loads, before any caller runs; the routine that reads it is exported, so it is run once more. Weak: another
// BLAS, or an OpenBLAS built for one processor, has none of these and is left as it is.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

extern char *openblas_get_corename(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));

int lmk_prefer_avx512_blas(void) {
  static const char variable[] = "OPENBLAS_CORETYPE";
  if (!openblas_get_corename || !gotoblas_dynamic_quit || !gotoblas_dynamic_init || getenv(variable)) return 0;
  if (lmk_best_instruction_set() != LMK_AVX512) return 0;
  if (strcmp(openblas_get_corename(), "Haswell") != 0 && strcmp(openblas_get_corename(), "Zen") != 0) return 0;
  setenv(variable, "SkylakeX", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(variable);
  return 1;
}
