#!/usr/bin/env bash
# Guess: ImageHash finds two different 16-bit grey PNGs different, as it does
#   their 8-bit copies; or it refuses what it cannot read.
# What happens: all pictures whose values lie above 255, as those of microscopes,
#   depth cameras and X-rays do, have one hash: zeros from average_hash, dhash
#   and whash, 8000000000000000 from phash. The distance between any two is 0.
#   Each hash converts to 8 bits first, where Pillow cuts at 255: all is white.
# Versions: ImageHash 4.3.2, pillow 13.0.0, numpy 2.4.6, scipy 1.17.1.
# Why it matters: searching a set of such pictures for near-duplicates finds that
#   every picture is a copy of the first, and a clean-up that believes it keeps one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    imagehash==4.3.2 pillow==13.0.0 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import imagehash
import numpy as np
from PIL import Image

METHODS = ("average_hash", "phash", "dhash", "whash")


def picture(seed):
    """Smooth waves in 0 … 1, others for each seed."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64] / 64
    waves = 0
    for _ in range(6):
        across, down = rng.integers(1, 4, 2)
        waves = waves + rng.normal() * np.sin(2 * np.pi * (across * columns + down * rows) + rng.uniform(0, 6))
    return (waves - waves.min()) / (waves.max() - waves.min())


def hashes(name, levels):
    """By each method, of six pictures that were written to PNG files."""
    found = {method: [] for method in METHODS}
    for seed in range(6):
        path = f"{name}-{seed}.png"
        Image.fromarray(levels(picture(seed))).save(path)
        with Image.open(path) as image:
            for method in METHODS:
                found[method].append(getattr(imagehash, method)(image))
            mode = image.mode
    return mode, found


eight = hashes("eight", lambda values: (255 * values).astype(np.uint8))
sixteen = hashes("sixteen", lambda values: (1000 + 60000 * values).astype(np.uint16))
for mode, found in (eight, sixteen):
    for method, values in found.items():
        nearest = min(values[0] - other for other in values[1:])
        print(f"{mode:5} {method:13} {len(set(map(str, values)))} different hashes of 6; nearest other: {nearest} bits")
as_stated = (
    all(len(set(map(str, values))) == 6 for values in eight[1].values())
    and all(len(set(map(str, values))) == 1 for values in sixteen[1].values())
    and str(sixteen[1]["phash"][0]) == "8000000000000000"
)
sys.exit(0 if as_stated else "CHANGED: 16-bit pictures are told apart")
PY
