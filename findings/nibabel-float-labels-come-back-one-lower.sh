#!/usr/bin/env bash
# Guess: whole labels 0..7 saved with the scan's own header come back as 0..7.
# What happens: the scan is int16 and the labels are float64 (what `get_fdata`
#   and most arithmetic give), so nibabel stretches them over the whole int16
#   range with a scale factor. They come back as 0.99998, 2.99995 and the like,
#   so the usual `astype(int)` makes some labels one smaller. Labels saved from
#   an integer array are right.
# Versions: nibabel 5.4.2, numpy 2.4.6.
# Why it matters: `Nifti1Image(mask, scan.affine, scan.header)` is how predicted
#   and resampled masks are written, and the error moves a label's whole region
#   to its neighbour: a class vanishes and no value looks broken when plotted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 nibabel==5.4.2
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
import nibabel

scan = nibabel.Nifti1Image(np.full((4, 4, 8), -1000, np.int16), np.eye(4))
nibabel.save(scan, "scan.nii.gz")
scan = nibabel.load("scan.nii.gz")
labels = np.broadcast_to(np.arange(8.0), (4, 4, 8))
back = {}
for name, array in (("float64", labels), ("int16", labels.astype(np.int16))):
    nibabel.save(nibabel.Nifti1Image(array, scan.affine, scan.header), name + ".nii.gz")
    read = nibabel.load(name + ".nii.gz")
    values = read.get_fdata()
    back[name] = values.astype(int)[0, 0]
    print(name, "labels, stored as", read.get_data_dtype(), "scale", read.dataobj.slope)
    print("  read  ", *values[0, 0].round(5))
    print("  as int", *back[name])
wrong = back["float64"] != np.arange(8)
print("labels that changed:", int(wrong.sum()), "of 8")
as_stated = (wrong.sum() == 4 and (back["float64"][wrong] == np.arange(8)[wrong] - 1).all()
             and (back["int16"] == np.arange(8)).all())
sys.exit(0 if as_stated else "CHANGED: float labels under an int16 header come back otherwise")
PY
