#!/usr/bin/env bash
# Guess: an 8-bit and a 16-bit TIFF that both say "0 is white" are read alike:
#   both turned round, or both left as stored.
# What happens: Pillow and OpenCV turn the 8-bit file round and leave the 16-bit
#   file as it is stored, with nothing on the image to tell. tifffile leaves both.
# Versions: pillow 13.0.0, opencv-python-headless 5.0.0.93, tifffile 2026.3.3,
#   numpy 2.4.6.
# Why it matters: radiographs and scanned film are written this way at both
#   depths. A model trained on 8-bit previews is then fed negatives at 16 bits,
#   and three readers give two different pictures of one file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 opencv-python-headless==5.0.0.93 tifffile==2026.3.3
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import cv2
import numpy as np
import tifffile
from PIL import Image

seen = {}
for kind in (np.uint8, np.uint16):
    stored = np.arange(64, dtype=kind).reshape(8, 8)
    tifffile.imwrite("film.tif", stored, photometric="miniswhite")
    flipped = np.iinfo(kind).max - stored
    for reader, array in (("pillow", np.asarray(Image.open("film.tif"))),
                          ("opencv", cv2.imread("film.tif", cv2.IMREAD_UNCHANGED)),
                          ("tifffile", tifffile.imread("film.tif"))):
        state = ("as stored" if np.array_equal(array, stored)
                 else "turned round" if np.array_equal(array, flipped) else "other")
        seen[reader, kind.__name__] = state
        print(f"{kind.__name__:7} {reader:9} {state:13} first row {array[0, :4]}")
as_stated = seen == {("pillow", "uint8"): "turned round", ("opencv", "uint8"): "turned round",
                     ("tifffile", "uint8"): "as stored", ("pillow", "uint16"): "as stored",
                     ("opencv", "uint16"): "as stored", ("tifffile", "uint16"): "as stored"}
sys.exit(0 if as_stated else "CHANGED: zero-is-white files are read otherwise")
PY
