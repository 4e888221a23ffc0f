#!/usr/bin/env bash
# Guess: the byte order of a 16-bit TIFF is the reader's affair; once opened, the
#   image resizes the same whichever order the file had.
# What happens: a big-endian file opens in mode I;16B, its pixels read correctly,
#   but every smooth `resize` of it returns values that have little to do with
#   the image: a smooth ramp comes out as noise over the full range. No error, no
#   warning. Nearest filtering and the little-endian file are right, and so is an
#   image whose pixels are all the same, which hides it from simple tests.
# Versions: pillow 13.0.0, tifffile 2026.3.3, numpy 2.4.6.
# Why it matters: microscope software commonly writes big-endian TIFF, and resize
#   is the first step of nearly every ViT's preprocessing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 tifffile==2026.3.3
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
import tifffile
from PIL import Image

ramp = np.add.outer(np.arange(8), np.arange(8)).astype(np.uint16) * 1001
got = {}
for name, order in (("little", "<"), ("big", ">")):
    tifffile.imwrite(name + ".tif", ramp, byteorder=order)
    image = Image.open(name + ".tif")
    got[name] = (image.mode, np.asarray(image).astype(int),
                 np.asarray(image.resize((4, 4), Image.Resampling.BILINEAR)).astype(int),
                 np.asarray(image.resize((4, 4), Image.Resampling.NEAREST)).astype(int))
    print(name, "endian, mode", got[name][0], "read right:", (got[name][1] == ramp).all())
    print("  bilinear, first row:", *got[name][2][0])
    print("  nearest,  first row:", *got[name][3][0])
error = abs(got["big"][2] - got["little"][2])
print("largest difference of the two after bilinear resize:", error.max())
rises = (np.diff(got["little"][2], axis=1) > 0).all()
still_rises = (np.diff(got["big"][2], axis=1) > 0).all()
as_stated = (got["big"][0] == "I;16B" and (got["big"][1] == ramp).all()
             and (got["big"][3] == got["little"][3]).all()
             and rises and not still_rises and error.max() > 10000)
sys.exit(0 if as_stated else "CHANGED: resize of a big-endian 16-bit TIFF agrees with the little-endian one")
PY
