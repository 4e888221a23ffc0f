#!/usr/bin/env bash
# Guess: lossless WebP gives back the four bytes of every pixel.
# What happens: where the fourth byte is 0 the other three come back as 0, both
#   from Pillow's `lossless=True` and from OpenCV's default (which is lossless for
#   every other pixel). Pillow keeps them with `exact=True`; PNG keeps them.
# Versions: pillow 13.0.0, opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Why it matters: four-band pictures (colour and near infrared, colour and depth)
#   are packed as RGBA to save disk. Every pixel with no depth or no infrared
#   loses its colours, in a format chosen because it loses nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 opencv-python-headless==5.0.0.93
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import cv2
import numpy as np
from PIL import Image

bands = np.random.default_rng(0).integers(1, 256, (16, 16, 4), dtype=np.uint8)
bands[::2, :, 3] = 0                            # half the pixels have no fourth band
Image.fromarray(bands).save("lossless.webp", lossless=True)
Image.fromarray(bands).save("exact.webp", lossless=True, exact=True)
Image.fromarray(bands).save("plain.png")
cv2.imwrite("opencv.webp", bands)
back = {name: np.asarray(Image.open(name).convert("RGBA"))
        for name in ("lossless.webp", "exact.webp", "plain.png")}
back["opencv.webp"] = cv2.imread("opencv.webp", cv2.IMREAD_UNCHANGED)
lost = {name: float((array != bands).any(-1).mean()) for name, array in back.items()}
for name, share in lost.items():
    print(f"{name:14} pixels changed {share:.0%}, pixel {bands[0, 0]} came back {back[name][0, 0]}")
kept = all(np.array_equal(array[1::2], bands[1::2]) for array in back.values())
print("pixels with a fourth band unchanged everywhere:", kept)
as_stated = (kept and lost == {"lossless.webp": 0.5, "exact.webp": 0.0, "plain.png": 0.0,
                               "opencv.webp": 0.5}
             and not back["lossless.webp"][::2].any() and not back["opencv.webp"][::2].any())
sys.exit(0 if as_stated else "CHANGED: lossless WebP treats a zero fourth band otherwise")
PY
