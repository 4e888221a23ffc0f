#!/usr/bin/env bash
# Guess: scikit-learn's `normalize` (and `Normalizer`) gives rows of length one
#   for float16 features, or refuses float16.
# What happens: it accepts float16 and keeps it, takes the squared length in
#   float16, which passes 65504 as soon as a row is longer than about 256, and
#   divides by infinity: every such row becomes all zeros. No warning is given,
#   and a k-NN classifier on the result calls every sample the first class.
#   `cosine_similarity` on the same rows is right.
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Why it matters: saving features in half precision is the usual way to keep a
#   data set's embeddings small, and the rows of wide models are often that long.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 scikit-learn==1.9.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import warnings
import numpy as np
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

rng = np.random.default_rng(0)
rows = rng.normal(0, 12, (6, 768)).astype(np.float16)
classes = np.arange(6)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    half = normalize(rows)
single = normalize(rows.astype(np.float32))


def own_class(x):
    return (KNeighborsClassifier(1).fit(x, classes).predict(x) == classes).mean()


lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
print("largest value", rows.max(), "lengths from", lengths.min(), "to", lengths.max())
print("float16 in:", half.dtype, "out, values that are not zero:", np.count_nonzero(half))
print("warnings:", len(said))
print("float32 in: lengths", np.linalg.norm(single, axis=1).round(4))
print("rows found as their own nearest: float16", own_class(half), "float32", own_class(single))
self_similarity = np.diag(cosine_similarity(rows))
print("cosine_similarity with themselves:", self_similarity.round(4))
as_stated = (half.dtype == np.float16 and not half.any() and not said
             and np.allclose(np.linalg.norm(single, axis=1), 1)
             and own_class(half) < 0.2 and own_class(single) == 1
             and np.allclose(self_similarity, 1))
sys.exit(0 if as_stated else "CHANGED: normalize no longer zeroes long float16 rows in silence")
PY
