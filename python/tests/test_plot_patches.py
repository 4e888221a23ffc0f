"""Pictures of patches: neighbourhoods, matches, components, t-SNE, attention; against plain NumPy and scikit-learn."""

import numpy as np
import pytest
from conftest import pixels
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

import latentmim as lm
from latentmim import _latentmim as native
from latentmim.plot import label_colours
from latentmim.plot.pca_maps import principal_components

PHOTO = pixels(1, 50, 68)[0]  # computed at 48×72 (half a patch of 8 is rounded up): 6×9 patches
QUERY = (40, 26)


def nearest(count: int, size: int) -> np.ndarray:
    """Which of so many patches has its middle nearest to each of so many pixels'."""
    middles = (np.arange(count) + 0.5) * size / count
    return np.abs(np.arange(size)[:, None] + 0.5 - middles).argmin(axis=1)


def vectors(model: lm.LatentMIM, image: np.ndarray, layer: int | None = None) -> np.ndarray:
    found = model.encoder.features(image, resize="nearest", layer=layer)
    rows, columns = (size // 8 for size in model.encoder.nearest_size(*image.shape[:2]))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).reshape(rows, columns, -1)


def test_neighborhoods_are_what_reaches_the_threshold(model: lm.LatentMIM) -> None:
    found = vectors(model, PHOTO, layer=1)
    rows, columns = found.shape[:2]
    y, x = nearest(rows, 50), nearest(columns, 68)
    cosines = found @ found[y[26], x[40]]
    cuts = [float(np.sort(cosines.ravel())[-k]) - 1e-6 for k in (3, 20)]
    axes = lm.plot.neighborhoods(model.encoder, PHOTO, [QUERY, (0, 49)], cuts, layer=1, size="nearest")
    assert axes.shape == (2, 3)
    assert axes[0, 0].get_title() == "query (40, 26)"
    for one, cut, count in zip(axes[0, 1:], cuts, (3, 20), strict=True):
        clear = (one.images[0].get_array() == PHOTO / np.float32(255)).all(axis=2)
        wanted = (cosines >= cut)[y[:, None], x]
        assert np.array_equal(clear, wanted)
        assert one.get_title() == f"cosine ≥ {cut:.2f}: {count / (rows * columns):.0%}"
    for one in axes[0]:
        (box,) = one.patches
        corner = (y[26] * 50 / rows, x[40] * 68 / columns)
        assert (box.get_y() + 0.5, box.get_x() + 0.5) == pytest.approx(corner)
    box = axes[1, 0].patches[0]
    assert (box.get_y() + 0.5 + box.get_height(), box.get_x()) == pytest.approx((50, -0.5))
    drawn = lm.plot.neighborhoods(model.encoder, PHOTO, 2, seed=1, size="nearest")
    assert drawn.shape == (2, 5)
    # 1, 3, 6 and 16 of 54 patches.
    assert all([one.get_title().split(": ")[1] for one in row[1:]] == ["2%", "6%", "11%", "30%"] for row in drawn)
    again = lm.plot.neighborhoods(model.encoder, PHOTO, 2, seed=1, size="nearest")
    assert [one.get_title() for one in again.flat] == [one.get_title() for one in drawn.flat]


def test_matches_are_the_nearest_patches(model: lm.LatentMIM) -> None:
    others = [pixels(1, 40 + 8 * i, 56, seed=i)[0] for i in range(1, 5)]
    found = vectors(model, PHOTO)
    asked = found[nearest(found.shape[0], 50)[26], nearest(found.shape[1], 68)[40]]
    cosines = [vectors(model, other) @ asked for other in others]
    order = sorted(range(4), key=lambda i: -cosines[i].max())
    axes = lm.plot.matches(model.encoder, PHOTO, QUERY, others, 3, per_image=2, progress=False, size="nearest")
    assert [one.get_title() for one in axes[1:]] == [f"image {i}: {cosines[i].max():.2f}" for i in order[:3]]
    for one, index in zip(axes[1:], order, strict=False):
        assert np.array_equal(one.images[0].get_array(), others[index])
        boxes = {(round((b.get_y() + 0.5) / 8), round((b.get_x() + 0.5) / 8)) for b in one.patches}
        best = np.argsort(-cosines[index].ravel())[:2]
        assert boxes == {divmod(int(cell), 7) for cell in best}
    assert lm.plot.matches(
        model.encoder, PHOTO, QUERY, np.stack(others[:1] * 2), progress=False, size="nearest"
    ).shape == (3,)


def test_components_are_those_of_scikit_learn(model: lm.LatentMIM) -> None:
    images = [PHOTO, pixels(1, 32, 40, seed=5)[0]]
    found = [vectors(model, image) for image in images]
    flat = np.concatenate([one.reshape(-1, one.shape[2]) for one in found])
    theirs = PCA(3).fit(flat.astype(np.float64))
    signs = np.sign(theirs.components_[range(3), np.abs(theirs.components_).argmax(axis=1)])
    scores = theirs.transform(flat.astype(np.float64)) * signs
    assert np.allclose(principal_components(flat), scores, atol=1e-5)
    low, high = np.percentile(scores, (1, 99), axis=0)
    colours = ((scores - low) / (high - low)).clip(0, 1)[:, [2, 0, 1]]
    axes = lm.plot.pca(model.encoder, images, size="nearest")
    assert axes.shape == (2, 2)
    start = 0
    for column, image, one in zip(axes.T, images, found, strict=True):
        rows, columns = one.shape[:2]
        shown = column[1].images[0].get_array()
        y, x = (nearest(one.shape[i], image.shape[i]) for i in (0, 1))
        wanted = colours[start : start + rows * columns].reshape(rows, columns, 3)
        assert np.allclose(shown, wanted[y[:, None], x], atol=1e-4)
        assert np.array_equal(column[0].images[0].get_array(), image)
        start += rows * columns


def test_the_foreground_is_what_lies_less_on_the_borders(model: lm.LatentMIM) -> None:
    """A noisy square in a smooth ground: only its patches have colours."""
    image = np.full((80, 80, 3), 90, np.uint8)
    image[24:56, 24:56] = np.random.default_rng(0).integers(0, 255, (32, 32, 3))
    shown = lm.plot.pca(model.encoder, image, foreground=True, size="nearest")[1, 0].images[0].get_array()
    coloured = (shown != 1).any(axis=2)
    assert coloured[24:56, 24:56].mean() > 0.9
    coloured[24:56, 24:56] = False
    assert not coloured.any()


def test_constant_images_have_components_too(model: lm.LatentMIM) -> None:
    shown = (
        lm.plot.pca(model.encoder, np.full((32, 32, 3), 90, np.uint8), layer=0, size="nearest")[1, 0]
        .images[0]
        .get_array()
    )
    assert np.isfinite(shown).all()


def test_tsne_is_scikit_learns_in_the_segments_colours(model: lm.LatentMIM) -> None:
    found = model.encoder.features(PHOTO, resize="nearest")
    native.normalize_rows(found)
    segments = lm.segment(model.encoder, PHOTO, 3, size="nearest")
    maps, points = lm.plot.tsne(model.encoder, PHOTO, segments, perplexity=8)
    drawn = points.collections[0]
    # The optimisation is chaotic: the last bit of a vector moves every point.
    theirs = TSNE(perplexity=8, init="pca", random_state=0).fit_transform(found)
    assert np.allclose(drawn.get_offsets(), theirs, atol=1e-3 * np.abs(theirs).max())
    shades = label_colours.colours(3)
    assert np.allclose(drawn.get_facecolors()[:, :3], shades[segments.patch_labels.ravel()])
    assert np.array_equal(maps.images[1].get_array()[..., :3], shades[segments.labels])
    assert lm.plot.tsne(model.encoder, PHOTO, 5, perplexity=8)[0].get_title() == "5 segments"
    with pytest.raises(ValueError, match=r"segments have \[4, 5\] patches, wanted the \[6, 9\] of size 'nearest'"):
        lm.plot.tsne(model.encoder, PHOTO, lm.segment(model.encoder, PHOTO, 3, size=(32, 40)), size="nearest")
    with pytest.raises(ValueError, match=r"tsne: perplexity is 54, wanted more than 0, less than 54 patches"):
        lm.plot.tsne(model.encoder, PHOTO, segments, perplexity=54)


def test_overlapping_patches_lie_where_they_are_cut(model: lm.LatentMIM) -> None:
    """At a stride of 4, patches of 8 in 32×44 pixels begin at 0, 4, … 24 and 36, and are outlined in full."""
    image = pixels(1, 32, 44)[0]
    axes = lm.plot.neighborhoods(model.encoder, image, (43, 0), [0.99], stride=4, size="nearest")
    box = axes[0, 0].patches[0]
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (35.5, -0.5, 8, 8)
    found = model.encoder.features(image, stride=4).reshape(7, 10, -1)
    found /= np.linalg.norm(found, axis=2, keepdims=True)
    middles = [np.arange(7) * 4 + 4, np.arange(10) * 4 + 4]
    y, x = (np.abs(np.arange(size)[:, None] + 0.5 - middles[i]).argmin(axis=1) for i, size in enumerate((32, 44)))
    clear = (axes[0, 1].images[0].get_array() == image / np.float32(255)).all(axis=2)
    assert np.array_equal(clear, (found @ found[0, 9] >= 0.99)[y[:, None], x])
