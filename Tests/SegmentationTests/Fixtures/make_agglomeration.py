"""Writes agglomeration.json: trees by SciPy (without a grid) and scikit-learn (with one).

Run: python make_agglomeration.py (SciPy 1.17, scikit-learn 1.9). Features are integers / 4096: exact in 32 bits.
"""

import json
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.cluster._agglomerative import linkage_tree, ward_tree
from sklearn.feature_extraction.image import grid_to_graph

ROWS, COLUMNS, WIDTH = 5, 9, 7
LINKAGES = ["ward", "average", "complete", "single"]
SEGMENTS = [1, 2, 3, 6, 17, ROWS * COLUMNS]


def by_appearance(labels: np.ndarray) -> list[int]:
    """Labels renumbered 0, 1, … in order of first appearance."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(label), len(numbers)) for label in labels]


def free(features: np.ndarray, method: str) -> dict:
    tree = linkage(features, method)
    middle = float(tree[len(tree) // 2, 2])
    return {
        "merges": tree.tolist(),
        "segments": {k: by_appearance(fcluster(tree, k, "maxclust")) for k in SEGMENTS},
        "distance": middle,
        "at_distance": by_appearance(fcluster(tree, middle, "distance")),
    }


def on_grid(features: np.ndarray, method: str) -> dict:
    graph = grid_to_graph(ROWS, COLUMNS)
    if method == "ward":
        children, _, _, _, distances = ward_tree(features, connectivity=graph, return_distance=True)
    else:
        children, _, _, _, distances = linkage_tree(features, connectivity=graph, linkage=method, return_distance=True)
    return {
        "children": np.sort(children, 1).tolist(),
        "distances": np.asarray(distances).tolist(),
        "segments": {
            k: by_appearance(AgglomerativeClustering(k, linkage=method, connectivity=graph).fit(features).labels_)
            for k in SEGMENTS
        },
    }


rng = np.random.default_rng(7)
# A smooth part, so that the grid has regions to find, and noise.
place = np.stack(np.meshgrid(np.arange(ROWS), np.arange(COLUMNS), indexing="ij"), -1).reshape(-1, 2)
smooth = np.sin(place @ rng.normal(size=(2, WIDTH)))
integers = np.round(4096 * (smooth + 0.3 * rng.normal(size=smooth.shape))).astype(int)
features = integers / 4096

document = {
    "rows": ROWS,
    "columns": COLUMNS,
    "width": WIDTH,
    "features_times_4096": integers.ravel().tolist(),
    "free": {method: free(features, method) for method in LINKAGES},
    "grid": {method: on_grid(features, method) for method in LINKAGES},
}
path = Path(__file__).parent / "agglomeration.json"
path.write_text(json.dumps(document) + "\n")
