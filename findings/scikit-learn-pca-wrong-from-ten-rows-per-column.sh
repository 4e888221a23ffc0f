#!/usr/bin/env bash
# Guess: PCA takes the mean off first, so adding one constant to every feature
#   leaves the explained variances as they are, for any number of rows.
# What happens: with fewer than ten rows per column they do stay. From ten rows
#   per column on (up to 1000 columns) the default solver changes to one that
#   multiplies the raw float32 data with itself and subtracts the mean's part
#   afterwards, so a large common offset eats the digits: with an offset of 5000
#   one more row puts the leading variances off by far more than a tenth.
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Why it matters: ViT tokens carry a few dimensions with huge, nearly constant
#   values, have fewer than 1000 dimensions in the small and base models, and are
#   collected in float32 by the ten thousand: exactly the case that switches.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 scikit-learn==1.9.1
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import numpy as np
from sklearn.decomposition import PCA

columns = 8
data = np.random.default_rng(0).normal(0, 1, (10 * columns, columns)).astype(np.float32)
data *= np.array([4, 3, 2, 1, 1, 1, 1, 1], np.float32)
worst = {}
for rows in (10 * columns - 1, 10 * columns):
    part = data[:rows]
    exact = np.sort(np.linalg.eigvalsh(np.cov(part.astype(np.float64).T)))[::-1][:3]
    for offset in (0, 5000):
        moved = part + np.float32(offset)
        found = PCA(3).fit(moved)
        worst[rows, offset] = (abs(found.explained_variance_ - exact) / exact).max()
        print(rows, "rows, offset", offset, "variances", found.explained_variance_.round(3),
              "exact", exact.round(3), f"off by {worst[rows, offset]:.1%}")
full = PCA(3, svd_solver="full").fit(data + np.float32(5000)).explained_variance_
print("80 rows, offset 5000, svd_solver='full':", full.round(3))
as_stated = (worst[79, 0] < 1e-4 and worst[80, 0] < 1e-4 and worst[79, 5000] < 1e-3
             and worst[80, 5000] > 0.1 and (abs(full - exact) / exact).max() < 1e-3)
sys.exit(0 if as_stated else "CHANGED: PCA's default keeps float32 variances under an offset, or switches elsewhere")
PY
