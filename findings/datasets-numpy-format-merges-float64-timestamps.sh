#!/usr/bin/env bash
# Guess: a column declared float64 comes out as float64 NumPy arrays.
# What happens: with `with_format("numpy")` a single row's number is float64, but
#   the same column read as a slice, and any list or Array2D of float64, is
#   float32. Times of day in seconds since 1970 then step by 128 seconds, so
#   frames minutes apart get one time stamp.
# Versions: datasets 5.2.0, numpy 2.4.6.
# Why it matters: video and robot data are matched to sensors by such times, and
#   the feature type that the table prints says float64 all along.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 datasets==5.2.0
cd "$work"
export HF_HOME="$work/cache" HF_HUB_OFFLINE=1
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from datasets import Array2D, Dataset, Features, List, Value

times = 1.7e9 + np.arange(60.0)                 # one frame a second
table = Dataset.from_dict(
    {"time": times, "pair": np.stack([times, times], 1), "grid": times.reshape(60, 1, 1)},
    features=Features({"time": Value("float64"), "pair": List(Value("float64")),
                       "grid": Array2D((1, 1), "float64")})).with_format("numpy")
row = table[7]["time"]
batch = table[:]
for name in ("time", "pair", "grid"):
    print(f"{name:5} declared {table.features[name]}, a slice has dtype {batch[name].dtype},",
          "distinct times", len(np.unique(batch[name])), "of 60")
print("one row's time:", row.dtype, float(row))
as_stated = (row.dtype == np.float64 and row == times[7]
             and all(batch[name].dtype == np.float32 and len(np.unique(batch[name])) <= 2
                     for name in batch)
             and table.features["time"].dtype == "float64")
sys.exit(0 if as_stated else "CHANGED: float64 columns keep their precision in slices")
PY
