#!/usr/bin/env bash
# Guess: `mask.encode` takes every pixel that is not zero as object, so a map
#   with objects 1 and 2 encodes as their union.
# What happens: it notes where the value changes and flips between background and
#   object there. Where object 1 touches object 2 it flips to background, and the
#   background after object 2 is then object. A mask of 0 and 255 is right, so is
#   one of 0 and 2; only touching objects go wrong. Nothing is reported.
# Versions: pycocotools 2.0.11, numpy 2.4.6.
# Why it matters: video and panoptic label maps (DAVIS, PNG palettes) hold one
#   number per object, and their encoded areas and overlaps are what the scores
#   are computed from.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pycocotools==2.0.11
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from pycocotools import mask


def through(row):
    column = np.asfortranarray(np.array(row, np.uint8)[:, None])   # runs go down columns
    code = mask.encode(column)
    return mask.decode(code)[:, 0].tolist(), int(mask.area(code))


cases = {"one object, value 255": [0, 255, 255, 0, 0, 0],
         "objects apart": [0, 1, 0, 2, 0, 0],
         "objects touching": [0, 1, 2, 0, 0, 0]}
got = {}
for name, row in cases.items():
    got[name] = through(row)
    print(f"{name:22} in {row} out {got[name][0]} area {got[name][1]}")
as_stated = (got["one object, value 255"][0] == [0, 1, 1, 0, 0, 0]
             and got["objects apart"][0] == [0, 1, 0, 1, 0, 0]
             and got["objects touching"][0] == [0, 1, 0, 1, 1, 1])
sys.exit(0 if as_stated else "CHANGED: touching labels encode otherwise")
PY
