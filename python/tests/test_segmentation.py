"""Segments against SciPy and scikit-learn."""

import numpy as np
import pytest
from conftest import pixels
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.image import grid_to_graph
from sklearn.metrics import adjusted_rand_score

import latentmim as lm
from latentmim import _latentmim


def tokens(model: lm.LatentMIM, image: np.ndarray) -> np.ndarray:
    found = model.encoder.features(image).astype(np.float64)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("method", ["ward", "average", "complete", "single"])
def test_tree_and_cuts_are_scipys(model: lm.LatentMIM, method: str) -> None:
    image = pixels(1, 48, 64)[0]
    oracle = linkage(tokens(model, image), method)
    found = lm.segment(model.encoder, image, 5, linkage=method)
    assert found.tree.shape == (47, 4)
    assert is_valid_linkage(found.tree)
    assert np.allclose(found.tree[:, 2:], oracle[:, 2:], atol=1e-4)
    for count in (1, 2, 5, 48):
        cut = found.cut(count)
        assert cut.count == count
        assert adjusted_rand_score(fcluster(oracle, count, "maxclust"), cut.patch_labels.ravel()) == 1
    distance = (oracle[30, 2] + oracle[31, 2]) / 2
    cut = found.cut(distance=distance)
    assert adjusted_rand_score(fcluster(oracle, distance, "distance"), cut.patch_labels.ravel()) == 1


def test_connected_segments_are_scikit_learns(model: lm.LatentMIM) -> None:
    image = pixels(1, 48, 64)[0]
    found = lm.segment(model.encoder, image, 6, connectivity=True)
    oracle = AgglomerativeClustering(6, connectivity=grid_to_graph(6, 8), linkage="ward").fit(tokens(model, image))
    assert adjusted_rand_score(oracle.labels_, found.patch_labels.ravel()) == 1


@pytest.mark.parametrize("method", ["ward", "average", "complete", "single"])
def test_cuts_of_falling_heights_are_scipys(method: str) -> None:
    falling = 0
    for seed in range(50):
        features = np.random.default_rng(seed).normal(size=(64, 5)).astype(np.float32)
        tree = np.empty((63, 4))
        _latentmim.agglomerate(features, method, 8, 8, tree)
        heights = tree[:, 2]
        falling += bool((np.diff(heights) < 0).any())
        between = (np.sort(heights)[1:] + np.sort(heights)[:-1]) / 2
        for height in [0, *heights, *between, heights.max() * 2]:
            labels = np.empty(64, np.int32)
            _latentmim.cut_at(tree, height, labels)
            oracle = fcluster(tree, height, "distance")
            # The same partition: labels of one are a function of those of the other, both ways.
            pairs = {*zip(labels.tolist(), oracle.tolist(), strict=True)}
            assert len(pairs) == len(set(labels.tolist())) == len(set(oracle.tolist()))
    assert falling == 50 or method != "ward", "nothing was tested"


def test_labels(model: lm.LatentMIM) -> None:
    image = pixels(1, 48, 64)[0]
    found = lm.segment(model.encoder, image, 4)
    assert found.labels.shape == (48, 64)
    assert found.labels.dtype == np.int32
    assert np.array_equal(found.labels, found.patch_labels.repeat(8, 0).repeat(8, 1))
    assert np.array_equal(np.asarray(found), found.labels)
    first = [int(np.flatnonzero(found.patch_labels.ravel() == label)[0]) for label in range(4)]
    assert first == sorted(first), "numbered in the order they appear"
    assert "4 segments" in repr(found)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_images_of_any_size(model: lm.LatentMIM, method: str) -> None:
    image = pixels(1, 45, 71)[0].astype(np.float32) / 255
    found = lm.segment(model.encoder, image, 3, upsample=method)
    assert found.patch_labels.shape == (6, 9)
    assert found.labels.shape == (45, 71)
    assert set(np.unique(found.labels)) <= {0, 1, 2}
    finer = lm.segment(model.encoder, image, 3, size=(80, 160), upsample=method)
    assert finer.patch_labels.shape == (10, 20)
    assert finer.labels.shape == (45, 71)


def test_cut_wants_one_thing(model: lm.LatentMIM) -> None:
    found = lm.segment(model.encoder, pixels(1, 32, 40)[0], 3)
    with pytest.raises(ValueError, match="one of the two"):
        found.cut()
    with pytest.raises(ValueError, match="one of the two"):
        found.cut(3, distance=1.0)
    with pytest.raises(ValueError, match="21"):
        found.cut(21)
    with pytest.raises(ValueError, match=r"\[B|one image"):
        lm.segment(model.encoder, pixels(2, 32, 40))
