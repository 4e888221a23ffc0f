#!/usr/bin/env bash
# Guess: a float image between 0 and 1 resizes smoothly whatever its values are.
# What happens: transformers' `resize` looks at the values to choose a scale. If
#   every pixel happens to be exactly 0.0 or 1.0 it takes them for bytes, resizes
#   the bytes 0 and 1, and returns whole numbers with no grey at the edges, as
#   uint8. The same image times 0.999 comes back as smooth floats. In the same
#   way `to_pil_image` turns it into a picture that is black throughout.
# Versions: transformers 5.24.0 (without PyTorch), pillow 13.0.0, numpy 2.4.6.
# Why it matters: drawings, binarised scans and digits, and masks given as
#   pictures, are exactly such images, and a batch of them is then preprocessed
#   by another rule than the next batch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 transformers==5.24.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from transformers.image_transforms import resize, to_pil_image

drawing = np.zeros((16, 16, 3), np.float32)
drawing[:, 7:] = 1
got = {}
for name, image in (("0 and 1", drawing), ("0 and 0.999", drawing * np.float32(0.999))):
    small = resize(image, (5, 5), resample=2, input_data_format="channels_last")
    brightest = int(np.asarray(to_pil_image(image, input_data_format="channels_last")).max())
    got[name] = (small.dtype, np.unique(small.round(3)), brightest)
    print(f"values {name:11} -> {small.dtype}, values {np.unique(small.round(3))};"
          f" to_pil_image's brightest byte {brightest}")
as_stated = (got["0 and 1"][0] == np.uint8 and list(got["0 and 1"][1]) == [0, 1]
             and got["0 and 1"][2] == 1 and got["0 and 0.999"][0].kind == "f"
             and len(got["0 and 0.999"][1]) > 2 and got["0 and 0.999"][2] > 250)
sys.exit(0 if as_stated else "CHANGED: black and white float images resize like any other")
PY
