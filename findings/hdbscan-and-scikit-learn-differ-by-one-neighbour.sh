#!/usr/bin/env bash
# Guess: scikit-learn's HDBSCAN and the hdbscan package give the same clusters for
#   the same min_cluster_size, being one method.
# What happens: scikit-learn counts a point among its own neighbours and hdbscan
#   does not, so equal settings are off by one: on the same points 5 clusters
#   with noise in place of 2 without. With min_samples one larger in scikit-learn
#   the two agree to the point.
# Versions: scikit-learn 1.9.1, hdbscan 0.8.44, scipy 1.17.1, numpy 2.4.6.
# Why it matters: cluster counts of ViT features are reported and compared across
#   papers, and moving from one package to the other changes them silently.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 hdbscan==0.8.44
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import warnings
import numpy as np
import hdbscan
from sklearn.cluster import HDBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

warnings.simplefilter("ignore")
points, _ = make_blobs(120, centers=4, cluster_std=1.6, random_state=1)
size = 3
labels = {"hdbscan, min_cluster_size=3": hdbscan.HDBSCAN(min_cluster_size=size).fit_predict(points),
          "scikit-learn, the same": HDBSCAN(min_cluster_size=size, copy=True).fit_predict(points),
          "scikit-learn, min_samples=4": HDBSCAN(min_cluster_size=size, min_samples=size + 1,
                                                 copy=True).fit_predict(points)}
ours, theirs, shifted = labels.values()
for name, found in labels.items():
    print(f"{name:28} clusters {len(set(found) - {-1})}, noise {int((found == -1).sum())} of 120")
same, moved = adjusted_rand_score(ours, theirs), adjusted_rand_score(ours, shifted)
print(f"agreement (adjusted Rand) at equal settings {same:.2f}, with one more {moved:.2f}")
as_stated = (len(set(ours) - {-1}) == 2 and len(set(theirs) - {-1}) == 5 and moved == 1
             and same < 1 and np.array_equal(ours == -1, shifted == -1))
sys.exit(0 if as_stated else "CHANGED: the two agree at equal settings")
PY
