#!/usr/bin/env bash
# Guess: among rows that are bit for bit the same, the nearest neighbour is the one with
#   the lowest index: their distances are equal, and ties are broken by order.
# What happens: brute-force NearestNeighbors often gives a later copy first, with one
#   neighbour too: the selection keeps no order, and the matrix product gives equal rows
#   other last bits, by where they lie. The latter shows in NumPy alone, in float32 `X @ q`.
# Versions: scikit-learn 1.9.1, numpy 2.4.6 (its OpenBLAS).
# Why it matters: with copies of an image in a set, k-NN labels and "duplicate of" columns
#   depend on the number of rows and of neighbours, and differ from library to library.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 scikit-learn==1.9.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from sklearn.neighbors import NearestNeighbors

rng = np.random.default_rng(0)
sets, late = 0, {"euclidean, 4 neighbours": 0, "euclidean, 1 neighbour": 0, "cosine, 4 neighbours": 0,
                 "NumPy: equal rows differ in X @ q": 0, "row by row: (X * q).sum(1)": 0}
for count in range(20, 120):
    for width in (48, 192, 384):
        rows = rng.standard_normal((count, width)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        copies = [1, count // 3, count // 2, count - 1]
        rows[copies] = rows[1]
        query = rows[1:2]
        sets += 1
        for metric, k in (("euclidean", 4), ("euclidean", 1), ("cosine", 4)):
            search = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(rows)
            found = search.kneighbors(query, return_distance=False)[0].tolist()
            late[f"{metric}, {k} neighbour{'s' if k > 1 else ''}"] += found != copies[:k]
        late["NumPy: equal rows differ in X @ q"] += len(set((rows @ query[0])[copies].tolist())) > 1
        late["row by row: (X * q).sum(1)"] += len(set((rows * query).sum(axis=1)[copies].tolist())) > 1
print(f"of {sets} sets with four copies of a row, out of order:")
for name, number in late.items():
    print(f"  {name:36} {number}")
first, one, _, product, alone = late.values()
sys.exit(0 if first and one and product and not alone else "CHANGED: copies come in their order")
PY
