#!/usr/bin/env bash
# Guess: the sum or mean of 4-bit integers is taken in a wider type, as NumPy does
#   for int8 (which it sums in int64), or is refused.
# What happens: ml_dtypes' int4 and uint4 sum in four bits and wrap: three sevens
#   sum to 5, and their mean is 1. No warning. Giving dtype= is right.
# Versions: ml_dtypes 0.6.0, numpy 2.4.6.
# Why it matters: the mean of quantised weights or codes is the first thing one
#   looks at; int8 beside it is right by itself, and a mean within range does
#   not look wrong.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 ml_dtypes==0.6.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
import ml_dtypes

results = {}
for kind in (np.int8, ml_dtypes.int4, ml_dtypes.uint4):
    sevens = np.full(3, 7, kind)
    results[sevens.dtype.name] = (int(sevens.sum()), float(sevens.mean()),
                                  int(sevens.sum(dtype=int)), float(sevens.mean(dtype=float)))
for name, (total, mean, wide, wide_mean) in results.items():
    print(f"three sevens in {name:5} sum {total:2}, mean {mean}; with dtype= {wide}, {wide_mean}")
as_stated = (results["int8"] == (21, 7.0, 21, 7.0) and results["int4"] == (5, 1.0, 21, 7.0)
             and results["uint4"] == (5, 1.0, 21, 7.0))
sys.exit(0 if as_stated else "CHANGED: sums of 4-bit integers no longer wrap")
PY
