#!/usr/bin/env bash
# Guess: the mean, extrema and histogram of a 16-bit grey image are those of its
#   pixels, or the image is refused.
# What happens: `histogram`, `entropy` and ImageStat take the bytes of the left
#   half of each row as if they were 8-bit pixels. An image of 40000 everywhere
#   has mean 110 (its bytes are 64 and 156), and the right half may hold anything
#   without a change. `getextrema` on the image itself is right.
# Versions: pillow 13.0.0, numpy 2.4.6.
# Why it matters: a data set's mean and deviation for normalising, and filters
#   that drop empty or dark tiles by entropy or mean, are taken with these calls.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from PIL import Image, ImageStat

flat = np.full((8, 8), 40000, np.uint16)
half = flat.copy()
half[:, 4:] = 7                                 # another right half
found = {}
for name, array in (("all 40000", flat), ("right half 7", half)):
    image = Image.fromarray(array)
    stat = ImageStat.Stat(image)
    found[name] = (stat.mean[0], stat.extrema[0], sum(image.histogram()), image.entropy())
    print(f"{name:13} mode {image.mode}, true mean {array.mean()}; ImageStat mean {stat.mean[0]},"
          f" extrema {stat.extrema[0]}; histogram counts {sum(image.histogram())};"
          f" getextrema {image.getextrema()}")
as_stated = (found["all 40000"][:3] == (110.0, (64, 156), 64)
             and found["right half 7"] == found["all 40000"]
             and Image.fromarray(half).getextrema() == (7, 40000))
sys.exit(0 if as_stated else "CHANGED: statistics of I;16 images are otherwise")
PY
