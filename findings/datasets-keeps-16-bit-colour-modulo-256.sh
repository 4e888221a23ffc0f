#!/usr/bin/env bash
# Guess: an uint16 colour array put in a `datasets` Image column is kept at 16
#   bits like a grey one, or scaled to 8 bits, or refused like a float32 one.
# What happens: each value is taken modulo 256: 256 becomes 0, 511 becomes 255. A
#   smooth ramp becomes a sawtooth. A warning speaks of "downcasting".
# Versions: datasets 5.2.0, pillow 13.0.0, numpy 2.4.6.
# Why it matters: 16-bit colour (raw photographs, satellite bands, stained
#   slides) goes through the standard way of sharing a data set and comes out
#   with the high byte gone, which still looks like a busy, textured image.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 datasets==5.2.0
cd "$work"
export HF_HOME="$work/cache" HF_HUB_OFFLINE=1
"$work/venv/bin/python" - <<'PY'
import sys
import warnings
import numpy as np
from datasets import Dataset, Features, Image


def through(array):
    table = Dataset.from_dict({"image": [array]}, features=Features({"image": Image()}))
    return np.asarray(table[0]["image"])


ramp = np.arange(0, 12800, 50, dtype=np.uint16).reshape(16, 16)
colours = np.stack([ramp] * 3, -1)
grey = through(ramp)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    colour = through(colours)
try:
    through(colours.astype(np.float32))
    refused = False
except TypeError:
    refused = True
falls = int((np.diff(colour[..., 0].ravel().astype(int)) < 0).sum())
print("in    ", ramp.dtype, *ramp[0, :12])
print("grey  ", grey.dtype, *grey[0, :12])
print("colour", colour.dtype, *colour[0, :12, 0])
print("the rising ramp falls", falls, "times; equal to the input modulo 256:",
      np.array_equal(colour, colours % 256), "; scaled:", np.array_equal(colour, colours // 256))
print("warnings:", [str(w.message) for w in said], "; float32 colour refused:", refused)
as_stated = (grey.dtype == np.uint16 and np.array_equal(grey, ramp) and colour.dtype == np.uint8
             and np.array_equal(colour, colours % 256) and falls > 40 and refused)
sys.exit(0 if as_stated else "CHANGED: 16-bit colour arrays are stored otherwise")
PY
