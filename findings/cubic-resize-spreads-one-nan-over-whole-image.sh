#!/usr/bin/env bash
# Guess: one missing pixel (NaN) in a resized image spoils the pixels around it.
# What happens: with order 2 or more, scikit-image's `resize` and SciPy's `zoom`
#   first solve for spline coefficients along whole rows and columns, so ONE NaN
#   turns the entire result into NaN, at any distance. With order 1 it stays local.
# Versions: scikit-image 0.26.0, scipy 1.17.1, numpy 2.4.6.
# Why it matters: depth maps, elevation and satellite tiles mark gaps by NaN, and
#   cubic is the usual order for ViT inputs: a tile with one gap is a tile lost,
#   and a mean over tiles that skips NaN silently drops it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from scipy import ndimage
from skimage import transform

image = np.ones((64, 64))
image[0, 0] = np.nan
share = {}
for order in (1, 3):
    share["scikit-image resize", order] = np.isnan(
        transform.resize(image, (96, 96), order=order)).mean()
    share["scipy zoom", order] = np.isnan(ndimage.zoom(image, 1.5, order=order)).mean()
for (name, order), value in sorted(share.items()):
    print(f"{name:20} order {order}: one NaN of {image.size} gives {value:.2%} NaN")
as_stated = all(value == 1 if order == 3 else value < 0.01 for (_, order), value in share.items())
sys.exit(0 if as_stated else "CHANGED: one NaN no longer fills a cubic resize")
PY
