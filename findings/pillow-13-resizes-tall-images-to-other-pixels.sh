#!/usr/bin/env bash
# Guess: bicubic `resize` of an 8-bit picture gives the same pixels in Pillow
#   12.3.0 and 13.0.0: filter and rounding are the same.
# What happens: where the height shrinks by more than twice as many rows as
#   columns go, Pillow 13 sums along columns first. Both versions round to 8 bits
#   (and clip) between the two directions, so values differ at hard edges, by up to
#   15 levels here. Wide and square pictures stay the same to the bit.
# Versions: pillow 12.3.0, pillow 13.0.0, numpy 2.4.6.
# Why it matters: features, caches of resized images and golden files of portrait
#   photographs change with the version of Pillow, and of landscape ones do not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/resize.py" <<'PY'
import sys
import numpy as np
from PIL import Image

random = np.random.default_rng(0)
for name, (height, width), size in (("tall", (900, 300), (200, 200)), ("wide", (300, 900), (200, 200)),
                                    ("square", (600, 600), (200, 200))):
    checks = (random.random((height, width, 3)) < 0.5).astype(np.uint8) * 255
    resized = Image.fromarray(checks).resize(size, Image.Resampling.BICUBIC)
    np.save(f"{sys.argv[1]}-{name}.npy", np.asarray(resized))
PY
cd "$work"
for version in 12.3.0 13.0.0; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet --no-compile --disable-pip-version-check \
        numpy==2.4.6 "pillow==$version"
    "venv-$version/bin/python" resize.py "$version"
done
venv-13.0.0/bin/python - <<'PY'
import sys
import numpy as np

largest = {}
for name in ("tall", "wide", "square"):
    old, new = (np.load(f"{version}-{name}.npy").astype(int) for version in ("12.3.0", "13.0.0"))
    largest[name] = int(np.abs(old - new).max())
    print(f"{name:7} {np.mean(old != new):6.1%} of the values differ, the largest by {largest[name]} levels")
as_stated = largest["tall"] > 5 and largest["wide"] == largest["square"] == 0
sys.exit(0 if as_stated else "CHANGED: the versions agree or differ otherwise")
PY
