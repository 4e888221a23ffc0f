#!/usr/bin/env bash
# Guess: tifffile's `imwrite` of an array [height, width, 5] makes a picture of
#   height × width with five bands, as it makes a colour picture of [height,
#   width, 3]; or it asks which axis holds the bands.
# What happens: it makes `height` pages, each a grey picture of width × 5, and
#   notes the array's shape in a comment that tifffile alone reads. Pillow opens
#   a picture of 5 × width and says nothing. [height, width, 2] fares the same;
#   3 and 4 bands are one picture.
# Versions: tifffile 2026.3.3, pillow 13.0.0, numpy 2.4.6.
# Why it matters: multispectral tiles look right where they were written and are
#   slivers, one row of the picture each, everywhere else: a loader that takes the
#   first page and resizes trains on smears. planarconfig="contig" with
#   photometric="minisblack" writes what was meant.
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

HEIGHT, WIDTH = 48, 64
SAID = {"photometric": "minisblack", "planarconfig": "contig"}


def written(bands, **options):
    """Pages, size and bands of the first one, what tifffile and what Pillow make of the file."""
    array = np.random.default_rng(bands).integers(0, 256, (HEIGHT, WIDTH, bands), dtype=np.uint8)
    tifffile.imwrite("bands.tif", array, **options)
    with tifffile.TiffFile("bands.tif") as file:
        first = file.pages[0]
        found = len(file.pages), (first.imagelength, first.imagewidth), first.samplesperpixel
    same = np.array_equal(tifffile.imread("bands.tif"), array)
    try:
        with Image.open("bands.tif") as picture:
            seen = (picture.height, picture.width)
    except OSError:
        seen = None
    return *found, same, seen


found = {bands: written(bands) for bands in (2, 3, 4, 5, 8)}
for bands, (pages, size, samples, same, seen) in found.items():
    print(f"[{HEIGHT}, {WIDTH}, {bands}]: {pages} pages of {size}, {samples} bands each; back in tifffile: {same}; "
          f"Pillow sees {seen}")
said = written(5, **SAID)
print("said to be contig:", said)
as_stated = (
    all(found[bands] == (1, (HEIGHT, WIDTH), bands, True, (HEIGHT, WIDTH)) for bands in (3, 4))
    and all(found[bands] == (HEIGHT, (WIDTH, bands), 1, True, (WIDTH, bands)) for bands in (2, 5, 8))
    and said[:4] == (1, (HEIGHT, WIDTH), 5, True)
)
sys.exit(0 if as_stated else "CHANGED: arrays of other than three and four bands are written otherwise")
PY
