#!/usr/bin/env bash
# Guess: sorting bfloat16 numbers puts NaN last, as NumPy does for float16,
#   float32 and float64.
# What happens: for ml_dtypes' bfloat16 (and its float8 types) NaN compares
#   neither way, so it stays in the middle and what is left and right of it is
#   sorted only in part: the result is not in order. `argsort` and `partition`
#   follow, and `np.median` gives a number where the other types give NaN.
# Versions: ml_dtypes 0.6.0, numpy 2.4.6.
# Why it matters: one NaN similarity in half precision spoils the ranking of all
#   the others (nearest neighbours, top-k accuracy, average precision), and a
#   median of losses hides that one of them was NaN.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 ml_dtypes==0.6.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import warnings
import numpy as np
import ml_dtypes

warnings.simplefilter("ignore")                 # the median of float16 says that it met NaN
scores = np.array([3, np.nan, 1, 2, 0, 5])
sorts, medians = {}, {}
for kind in (np.float16, np.float32, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2):
    array = scores.astype(kind)
    name = array.dtype.name
    ordered = np.sort(array).astype(np.float64)
    numbers = ordered[~np.isnan(ordered)]
    sorts[name] = bool(np.isnan(ordered[-1]) and (np.diff(numbers) >= 0).all())
    medians[name] = float(np.median(array))
    print(f"{name:12} sorted {ordered} argsort {np.argsort(array)} median {medians[name]}")
print("in order with NaN last:", sorts)
as_stated = (sorts == {"float16": True, "float32": True, "bfloat16": False, "float8_e5m2": False}
             and np.isnan(medians["float16"]) and not np.isnan(medians["bfloat16"]))
sys.exit(0 if as_stated else "CHANGED: NaN among bfloat16 sorts last")
PY
