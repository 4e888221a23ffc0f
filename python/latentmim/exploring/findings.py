"""What is shown of the features of patches: similarities, a merge tree and its cuts, principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latentmim import _latentmim as _native
from latentmim.plot.pca_maps import CHANNELS, PERCENTILES, principal_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, IntArray
    from latentmim.segmentation import Linkage

__all__ = ["components", "cut", "merge_tree", "similarities"]


def similarities(features: FloatArray, query: int) -> FloatArray:
    """[N], the cosine similarity of every row of [N, C] normalised features with row `query`.

    Examples:
        >>> from latentmim.exploring.findings import similarities
        >>> found = similarities(encoder.features(image), query=0)
        >>> found.shape, round(float(found[0]), 3)
        ((100,), 1.0)

    """
    # Row by row: a product's last bits depend on where a row lies, and copies of a patch would not tie.
    found: FloatArray = np.clip((features * features[query]).sum(axis=1), -1, 1)
    return found


def merge_tree(features: FloatArray, linkage: Linkage) -> NDArray[np.float64]:
    """[N − 1, 4], the merges of the rows of [N, C] features, as `Segments.tree`.

    Examples:
        >>> from latentmim.exploring.findings import merge_tree
        >>> merge_tree(encoder.features(image), "ward").shape
        (99, 4)

    """
    merges = np.empty((len(features) - 1, 4))
    _native.agglomerate(features, linkage, 0, 0, merges)
    return merges


def cut(tree: NDArray[np.float64], segments: int) -> IntArray:
    """[N], the segment of each of the N rows, numbered in the order in which they first occur.

    Examples:
        >>> from latentmim.exploring.findings import cut, merge_tree
        >>> np.unique(cut(merge_tree(encoder.features(image), "ward"), 3))
        array([0, 1, 2], dtype=int32)

    """
    labels = np.empty(len(tree) + 1, np.int32)
    _native.cut(tree, segments, labels)
    return labels


def components(features: FloatArray) -> NDArray[np.uint8]:
    """[N, 3] colours: the first three principal components of the rows of [N, C] features, as in `plot.pca`.

    Examples:
        >>> from latentmim.exploring.findings import components
        >>> components(encoder.features(image)).shape
        (100, 3)

    """
    found = principal_components(features)[:, CHANNELS]
    low, high = np.percentile(found, PERCENTILES, axis=0)
    scaled = (found - low) / np.where(high > low, high - low, 1)
    colours: NDArray[np.uint8] = (255 * np.clip(scaled, 0, 1) + 0.5).astype(np.uint8)
    return colours
