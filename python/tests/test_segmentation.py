"""Segments against SciPy and scikit-learn."""

import itertools

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
    found = lm.segment(model.encoder, image, 5, linkage=method, size="nearest")
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
    found = lm.segment(model.encoder, image, 6, connectivity=True, size="nearest")
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
    found = lm.segment(model.encoder, image, 4, size="nearest", upsample="nearest")
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
    found = lm.segment(model.encoder, image, 3, size="nearest", upsample=method)
    assert found.patch_labels.shape == (6, 9)
    assert found.labels.shape == (45, 71)
    assert set(np.unique(found.labels)) <= {0, 1, 2}
    finer = lm.segment(model.encoder, image, 3, size=(80, 160), upsample=method)
    assert finer.patch_labels.shape == (10, 20)
    assert finer.labels.shape == (45, 71)


def test_cut_wants_one_thing(model: lm.LatentMIM) -> None:
    found = lm.segment(model.encoder, pixels(1, 32, 40)[0], 3, size="nearest")
    with pytest.raises(ValueError, match="one of the two"):
        found.cut()
    with pytest.raises(ValueError, match="one of the two"):
        found.cut(3, distance=1.0)
    with pytest.raises(ValueError, match="21"):
        found.cut(21)
    for several in (pixels(2, 32, 40), [pixels(2, 32, 40)]):
        with pytest.raises(ValueError, match="one image"):
            lm.segment(model.encoder, several)


def test_working_size(model: lm.LatentMIM) -> None:
    """48 patches on the short side; none smaller than 4×4 pixels; 8192 in all."""
    encoder = model.encoder
    for (height, width), grid in {
        (48, 64): (12, 16), (400, 300): (64, 48), (200, 1000): (40, 202), (100, 4000): (14, 572),
    }.items():  # fmt: skip
        image = np.zeros((height, width, 3), np.uint8)
        assert lm.segment(encoder, image, 2, linkage="single", connectivity=True).patch_labels.shape == grid
    two = lm.segment(encoder, [np.zeros((400, 300, 3), np.uint8)] * 4, 1)
    assert two[0].patch_labels.shape == (52, 39), "2048 patches of each"


def test_soft_borders(model: lm.LatentMIM) -> None:
    """Each pixel has the label, of its four patches', whose mean is nearest; at a patch's centre its own."""
    image = pixels(1, 56, 72)[0]
    found = lm.segment(model.encoder, image, 5, size="nearest")
    features = tokens(model, image).reshape(7, 9, -1)
    grid = found.patch_labels
    means = np.stack([features[grid == label].mean(0) for label in range(5)])
    distances = ((features[:, :, None] - means) ** 2).sum(3)
    for row, column in np.ndindex(7, 9):
        around = np.unique(grid[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2])
        distances[row, column, grid[row, column]] = distances[row, column, around].min()
    for y, x in np.random.default_rng(0).integers((0, 0), (56, 72), (300, 2)):
        row, column = np.clip((y + 0.5) / 8 - 0.5, 0, 6), np.clip((x + 0.5) / 8 - 0.5, 0, 8)
        top, left = min(int(row), 5), min(int(column), 7)
        v, u = row - top, column - left
        corners = distances[top : top + 2, left : left + 2]
        here = np.einsum("i,j,ijl->l", [1 - v, v], [1 - u, u], corners)
        candidates = np.unique(grid[top : top + 2, left : left + 2][np.ix_([1 - v > 0, v > 0], [1 - u > 0, u > 0])])
        assert here[found.labels[y, x]] <= here[candidates].min() + 1e-5
    odd = lm.segment(model.encoder, pixels(1, 9, 15)[0], 3, size=(24, 40))
    assert np.array_equal(odd.labels[1::3, 1::3], odd.patch_labels)


def test_refined_borders(model: lm.LatentMIM) -> None:
    """An edge of the image five pixels from the border of patches draws it there."""
    image = np.full((64, 64, 3), 40, np.uint8)
    image[:, 37:] = (200, 180, 90)
    rough = lm.segment(model.encoder, image, 2, size="nearest", upsample="nearest")
    fine = lm.segment(model.encoder, image, 2, size="nearest", upsample="nearest", refine=True)
    truth = np.broadcast_to(np.arange(64) >= 37, (64, 64))

    def agreement(labels: np.ndarray) -> float:
        return max(np.mean(labels == truth), np.mean(labels != truth))

    assert agreement(fine.labels) > agreement(rough.labels)
    assert agreement(fine.labels) > 0.99
    assert np.array_equal(fine.patch_labels, rough.patch_labels)


def test_levels_keep_labels(model: lm.LatentMIM) -> None:
    found = lm.segment(model.encoder, pixels(1, 48, 64)[0], 3, size="nearest")
    levels = found.levels([1, 2, 3, 7, 48])
    assert [level.count for level in levels] == [1, 2, 3, 7, 48]
    for coarse, fine in itertools.pairwise(levels):
        for label in range(coarse.count):
            inside = fine.patch_labels[coarse.patch_labels == label]
            parts = np.unique(inside)
            assert label in parts, "what is left of a segment keeps its label"
            assert all(part == label or part >= coarse.count for part in parts)
    for level in levels:
        same = np.array([found.cut(level.count).patch_labels.ravel(), level.patch_labels.ravel()])
        assert len(np.unique(same, axis=1).T) == level.count, "the same segments as a cut"
    (alone,) = found.levels([7])
    assert np.array_equal(alone.labels, levels[3].labels), "labels depend on the depth alone"
    assert found.levels([]) == []
    with pytest.raises(ValueError, match="49"):
        found.levels([2, 49])


def test_several_images_have_the_same_segments(model: lm.LatentMIM) -> None:
    images = [pixels(1, 48, 64)[0], pixels(2, 32, 40)[1]]
    found = lm.segment(model.encoder, images, 4, size="nearest")
    assert len(found) == 2 and found.count == 4
    assert [part.labels.shape for part in found] == [(48, 64), (32, 40)]
    oracle = linkage(np.concatenate([tokens(model, image) for image in images]), "ward")
    labels = np.concatenate([part.patch_labels.ravel() for part in found])
    assert adjusted_rand_score(fcluster(oracle, 4, "maxclust"), labels) == 1
    deeper = found.cut(9)
    assert np.array_equal(deeper[1].labels, found[1].cut(9).labels), "an image cuts the tree of all"
    assert [level.count for level in found.levels([2, 5])] == [2, 5]
    with pytest.raises(ValueError, match="connectivity"):
        lm.segment(model.encoder, images, connectivity=True)
    with pytest.raises(ValueError, match="empty"):
        lm.segment(model.encoder, [])
