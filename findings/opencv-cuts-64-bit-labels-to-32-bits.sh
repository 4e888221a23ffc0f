#!/usr/bin/env bash
# Guess: OpenCV 5 either handles 64-bit integers (its core has such a type) or
#   refuses them, as other types it lacks are refused.
# What happens: its Python side turns an int64 or uint64 array into int32 on the
#   way in and keeps the low half: label 2**32 + 5 comes out of `resize`, `flip`,
#   `rotate`, `copyMakeBorder` and a TIFF file as 5, and 2**31 turns negative.
#   The result's dtype is the only sign.
# Versions: opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Why it matters: int64 is NumPy's default for labels, and segments of large
#   volumes, hashed categories and packed identifiers go past 32 bits. Two
#   objects fall into one, or meet a class number that is really used.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import cv2
import numpy as np

labels = np.array([[2**32 + 5, 5], [2**40 + 7, 2**31]])
results = {"resize, nearest": cv2.resize(labels, (2, 2), interpolation=cv2.INTER_NEAREST),
           "flip twice": cv2.flip(cv2.flip(labels, 1), 1),
           "border of 0": cv2.copyMakeBorder(labels, 0, 0, 0, 0, cv2.BORDER_REPLICATE)}
cv2.imwrite("labels.tif", labels)
results["TIFF"] = cv2.imread("labels.tif", cv2.IMREAD_UNCHANGED)
unsigned = cv2.resize(labels.astype(np.uint64), (2, 2), interpolation=cv2.INTER_NEAREST)
results["resize, uint64"] = unsigned
print("labels", labels.dtype, labels.ravel().tolist())
for name, array in results.items():
    print(f"{name:16} {array.dtype} {array.ravel().tolist()}")
low = labels.astype(np.int32)
as_stated = all(array.dtype == np.int32 and np.array_equal(array, low)
                for array in results.values())
sys.exit(0 if as_stated else "CHANGED: OpenCV keeps or refuses 64-bit labels")
PY
