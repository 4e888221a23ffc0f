#!/usr/bin/env bash
# Guess: `zarr.save("photos", features=array)` puts the array beside what lies in
#   the folder `photos`, as `zarr.save("photos", array)` does; or it refuses a
#   folder that is no Zarr group.
# What happens: it deletes all files and folders in it first, also those that
#   Zarr never wrote, and says nothing. With the array unnamed nothing is lost.
# Versions: zarr 3.1.6, numcodecs 0.16.6, numpy 2.4.6.
# Why it matters: saving features of a folder of photographs into that folder is a
#   natural thing to do, and whether it costs the photographs hangs on whether
#   the array has a name. `zarr.open_group(folder, mode="w")` does the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 numcodecs==0.16.6 zarr==3.1.6
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import zarr

features = np.arange(12, dtype=np.float32).reshape(3, 4)


def left(save):
    """Which files of a folder with photographs are still there after something is saved in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "photos")
        theirs = [folder / "a.jpg", folder / "day 2" / "b.jpg", folder / "notes.txt"]
        for path in theirs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine")
        save(str(folder))
        saved = any(path.name == "zarr.json" for path in folder.rglob("*"))
        return saved, [path.name for path in theirs if path.exists()]


with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    unnamed = left(lambda folder: zarr.save(folder, features))
    named = left(lambda folder: zarr.save(folder, features=features))
    group = left(lambda folder: zarr.open_group(folder, mode="w"))
for call, (saved, kept) in (("save(folder, array)", unnamed), ("save(folder, features=array)", named),
                            ('open_group(folder, mode="w")', group)):
    print(f"{call:29} saved: {saved}; left of three other files: {kept}")
print("warnings:", [str(w.message) for w in warned])
as_stated = (
    unnamed == (True, ["a.jpg", "b.jpg", "notes.txt"]) and named == (True, []) and group == (True, []) and not warned
)
sys.exit(0 if as_stated else "CHANGED: other files in the folder fare otherwise")
PY
