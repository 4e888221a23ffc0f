#define _GNU_SOURCE
// OpenBLAS chooses its kernels by a table of processor families. A processor newer than the library falls through to a
// lower instruction set, at half the speed where AVX-512 is there. Its own override is an environment variable read when
// the library loads, before any caller runs; the routine that reads it is exported, so it is run once more.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

int lmk_prefer_avx512_blas(void) {
  char *(*core)(void) = (char *(*)(void))dlsym(RTLD_DEFAULT, "openblas_get_corename");
  void (*leave)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
  void (*choose)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
  if (!core || !leave || !choose || getenv("OPENBLAS_CORETYPE")) return 0;
  if (lmk_best_instruction_set() != LMK_AVX512) return 0;
  if (strcmp(core(), "Haswell") != 0 && strcmp(core(), "Zen") != 0) return 0;
  setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
  leave();
  choose();
  unsetenv("OPENBLAS_CORETYPE");
  return 1;
}
