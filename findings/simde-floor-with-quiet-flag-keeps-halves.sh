#!/usr/bin/env bash
# Guess: SIMDe's `_mm512_roundscale_ps` takes its rounding mode as Intel's headers do,
#   flags joined by `|`: `_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC` is floor.
# What happens: emulated, its macro shifts the mode without parentheses round it, and
#   `1 | 8 >> 4` is 1: one binary place is kept, so floor(18.55) is 18.5. The same in
#   parentheses gives 18; `_MM_FROUND_TO_NEAREST_INT | ...`, whose first flag is 0, is
#   right by luck. No warning is given.
# Versions: SIMDe 0.7.4 (libsimde-dev 0.7.4~rc2-2 of Debian 12); its C compiler.
# Why it matters: tests of AVX-512 kernels on processors without it run on SIMDe. An
#   exponential split into whole and fraction was off by a factor of 1.41 for some
#   arguments there, and right on real hardware.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet=2 -o APT::Sandbox::User=root libsimde-dev=0.7.4~rc2-2
dpkg-deb --extract libsimde-dev_*.deb simde
cat > floor.c <<'C'
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <stdio.h>

int main(void) {
  float joined[16], wrapped[16], nearest[16];
  const simde__m512 x = simde_mm512_set1_ps(18.55f);
  simde_mm512_storeu_ps(joined, simde_mm512_roundscale_ps(x, SIMDE_MM_FROUND_TO_NEG_INF | SIMDE_MM_FROUND_NO_EXC));
  simde_mm512_storeu_ps(wrapped, simde_mm512_roundscale_ps(x, (SIMDE_MM_FROUND_TO_NEG_INF | SIMDE_MM_FROUND_NO_EXC)));
  simde_mm512_storeu_ps(nearest, simde_mm512_roundscale_ps(x, SIMDE_MM_FROUND_TO_NEAREST_INT | SIMDE_MM_FROUND_NO_EXC));
  printf("floor(18.55): %g, with the mode in parentheses %g; nearest whole number: %g\n", joined[0], wrapped[0], nearest[0]);
  const int is_as_stated = joined[0] == 18.5f && wrapped[0] == 18 && nearest[0] == 19;
  if (!is_as_stated) puts("CHANGED: wanted 18.5, 18 and 19");
  return !is_as_stated;
}
C
cc -O1 -mavx2 -mfma -w -Wno-psabi -I simde/usr/include floor.c -o floor -lm
./floor
