#!/usr/bin/env bash
# Guess: turning a 16-bit grey image by a few degrees with bilinear or bicubic
#   filtering gives 16-bit grey again, as nearest filtering and mode F do.
# What happens: Pillow 13.0.0 returns another image. An image that is 40000
#   everywhere turns into values between 1 and 255, without a word; nearest
#   filtering is right. `transform` (affine, perspective, quad) does the same,
#   and `resize` does not.
# Versions: pillow 13.0.0, numpy 2.4.6.
# Why it matters: rotation, shear and perspective are in every recipe of random
#   augmentation, and most libraries hand them to Pillow. Radiographs, depth maps
#   and microscope frames come as mode I;16, so the model trains on noise in
#   every augmented view while the plain views look fine.
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
from PIL import Image

grey = np.full((16, 16), 40000, np.uint16)
image = Image.fromarray(grey)
middle = (slice(5, 11), slice(5, 11))          # away from the filled corners
shift = (1, 0, 0.5, 0, 1, 0)                   # half a pixel to the side


def turned(picture, how):
    return np.asarray(picture.rotate(10, how))[middle]


nearest = turned(image, Image.Resampling.NEAREST)
bilinear = turned(image, Image.Resampling.BILINEAR)
bicubic = turned(image, Image.Resampling.BICUBIC)
as_float = turned(Image.fromarray(grey.astype(np.float32)), Image.Resampling.BILINEAR)
moved = np.asarray(image.transform((16, 16), Image.Transform.AFFINE, shift,
                                   Image.Resampling.BILINEAR))[middle]
smaller = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
print("mode", image.mode, "all pixels 40000")
for name, got in (("rotate, nearest", nearest), ("rotate, bilinear", bilinear),
                  ("rotate, bicubic", bicubic), ("rotate, bilinear, mode F", as_float),
                  ("shift half a pixel, bilinear", moved), ("resize, bilinear", smaller)):
    print(f"{name:30} dtype {got.dtype}, from {got.min()} to {got.max()}")
as_stated = (bilinear.dtype == np.uint16
             and bilinear.max() < 256 and bicubic.max() < 256 and moved.max() < 256
             and (nearest == 40000).all() and (as_float == 40000).all()
             and (smaller == 40000).all())
sys.exit(0 if as_stated else "CHANGED: smooth rotation of I;16 no longer falls below 256")
PY
