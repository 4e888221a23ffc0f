#!/usr/bin/env bash
# Guess: annotation identifiers are only names; numbering them from 0 scores as
#   numbering them from 1.
# What happens: COCOeval stores the matched identifier and later asks whether it
#   is nonzero, so the annotation numbered 0 always counts as missed and its
#   detection as false. Perfect boxes on three images score 0.44 in place of 1.
# Versions: pycocotools 2.0.11, numpy 2.4.6.
# Why it matters: small test sets made with `enumerate` lose most, and a backbone
#   compared on such a set loses points that no training can bring back.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 pycocotools==2.0.11
cd "$work"
"$work/venv/bin/python" - <<'PY'
import contextlib
import io
import sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def score(first):
    box = [10, 10, 40, 40]
    truth = COCO()
    truth.dataset = {
        "info": {}, "categories": [{"id": 1, "name": "thing"}],
        "images": [{"id": i, "width": 100, "height": 100} for i in range(3)],
        "annotations": [{"id": first + i, "image_id": i, "category_id": 1, "bbox": box,
                         "area": 1600, "iscrowd": 0} for i in range(3)]}
    truth.createIndex()
    found = truth.loadRes([{"image_id": i, "category_id": 1, "bbox": box, "score": 0.9}
                           for i in range(3)])
    task = COCOeval(truth, found, "bbox")
    task.evaluate()
    task.accumulate()
    task.summarize()
    return float(task.stats[0])


with contextlib.redirect_stdout(io.StringIO()):
    scores = {first: score(first) for first in (0, 1)}
for first, value in scores.items():
    print(f"perfect boxes, annotations numbered from {first}: AP {value:.3f}")
as_stated = abs(scores[1] - 1) < 1e-9 and abs(scores[0] - 0.442) < 0.001
sys.exit(0 if as_stated else "CHANGED: the annotation numbered 0 scores otherwise")
PY
