#!/usr/bin/env bash
# Guess: `load_dataset("imagefolder")` of a folder whose classes have folders of
#   their own inside (cat/young, cat/old, dog/young, dog/old) has the classes cat
#   and dog, as torchvision's ImageFolder has, or says that it is unclear.
# What happens: the innermost folder is the class: cats and dogs become `young`
#   and `old`. Where one class alone has such folders (bird beside cat/young and
#   dog/young) there are no labels at all. Neither is said.
# Versions: datasets 5.2.0, pillow 13.0.0, numpy 2.4.6.
# Why it matters: the same folder is another task in each library, with class
#   numbers that look right; photographs sorted by day or camera within their
#   classes become a set of days, and a probe of it still gives a percentage.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 datasets==5.2.0
cd "$work"
export HF_HOME="$work/cache" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$work/venv/bin/python" - <<'PY'
import os
import sys
import warnings

import numpy as np
from datasets import load_dataset
from PIL import Image


def labels(name, folders):
    """What a set says of the images in these folders, two in each, by folder."""
    for number, folder in enumerate(folders):
        place = os.path.join(name, folder)
        os.makedirs(place)
        for copy in range(2):
            Image.fromarray(np.full((8, 8, 3), 10 * number + copy, np.uint8)).save(os.path.join(place, f"{copy}.png"))
    data = load_dataset("imagefolder", data_dir=name, split="train")
    feature = data.features.get("label")
    said = {}
    for row in data:
        folder = folders[int(np.asarray(row["image"])[0, 0, 0]) // 10]
        said[folder] = feature.names[row["label"]] if feature else None
    return feature and feature.names, said


with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    flat = labels("flat", ["cat", "dog"])
    nested = labels("nested", ["cat/young", "cat/old", "dog/young", "dog/old"])
    mixed = labels("mixed", ["cat/young", "dog/young", "bird"])
for name, (names, said) in (("flat", flat), ("nested", nested), ("mixed", mixed)):
    print(f"{name:7}", "classes:", names, "; of each folder:", said)
told = [str(w.message) for w in warned if "label" in str(w.message) or "class" in str(w.message)]
print("warnings about them:", told)
as_stated = (
    flat[0] == ["cat", "dog"]
    and nested[0] == ["old", "young"]
    and all(folder.endswith(said) for folder, said in nested[1].items())
    and mixed[0] is None
    and not told
)
sys.exit(0 if as_stated else "CHANGED: folders within classes are read otherwise")
PY
