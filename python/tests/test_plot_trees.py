"""Merge trees, views and readings of collapse: what is drawn, by the data on the Axes."""

import itertools

import numpy as np
import pytest
from conftest import SMALL, pixels
from matplotlib.colors import to_hex
from scipy.cluster.hierarchy import dendrogram

import latentmim as lm
from latentmim.diagnostics import Diagnosis, Spread
from latentmim.plot import canvas, label_colours

PHOTO = pixels(1, 32, 40)[0]


@pytest.fixture
def found(model: lm.LatentMIM) -> lm.Segments:
    return lm.segment(model.encoder, PHOTO, 4, size="nearest", upsample="nearest")


def test_depths_keep_the_colour_of_the_largest_part(found: lm.Segments) -> None:
    axes = lm.plot.depths(PHOTO, found, (2, 3, 7))
    maps = [one.images[1].get_array()[..., :3] for one in axes]
    for count, shown in zip((2, 3, 7), maps, strict=True):
        labels = found.cut(count).labels
        colours = np.array([shown[labels == label][0] for label in range(count)])
        assert np.array_equal(colours[labels], shown) and len(np.unique(colours, axis=0)) == count
    for (coarse, fine), (before, after) in zip(((2, 3), (3, 7)), itertools.pairwise(maps), strict=True):
        parents, children = found.cut(coarse).labels, found.cut(fine).labels
        for parent in range(coarse):
            sizes = np.bincount(children[parents == parent])
            largest = np.flatnonzero(sizes == sizes.max())
            kept = [np.array_equal(after[children == child][0], before[parents == parent][0]) for child in largest]
            assert sum(kept) == 1


def test_the_merge_tree_is_scipys(found: lm.Segments) -> None:
    """Each merge of SciPy's truncated dendrogram is there at its height; leaves' pictures show their patches."""
    axes = lm.plot.merge_tree(PHOTO, found, 7)
    assert axes.get_title(loc="left") == "the last 6 merges"
    bars = sorted(line.get_ydata()[0] for line in axes.lines if np.ptp(line.get_ydata()) == 0)
    theirs = dendrogram(found.tree, truncate_mode="lastp", p=7, no_plot=True)
    assert np.allclose(bars, sorted(heights[1] for heights in theirs["dcoord"]))
    assert len(axes.lines) == 18
    assert len(axes.child_axes) == 7
    # Leaves from left to right, by what stands out in their pictures, are the seven segments.
    labels = found.cut(7).labels
    clear = [(inset.images[0].get_array() == PHOTO / np.float32(255)).all(axis=2) for inset in axes.child_axes]
    places = [int(labels[region][0]) for region in clear]
    assert sorted(places) == list(range(7))
    assert all(np.array_equal(region, labels == place) for region, place in zip(clear, places, strict=True))
    # The upright line of a leaf has the colour of the segment it lies in.
    shades = label_colours.colours(4)
    for position, region in enumerate(clear):
        (stem,) = [line for line in axes.lines if line.get_ydata()[0] == 0 and line.get_xdata()[0] == position]
        assert to_hex(stem.get_color()) == to_hex(shades[found.labels[region][0]])
    # Three merges put the four segments together.
    tops = [line for line in axes.lines if np.ptp(line.get_ydata()) == 0]
    assert sum(to_hex(line.get_color()) == canvas.INK for line in tops) == 3


def test_segments_of_several_images(model: lm.LatentMIM) -> None:
    """Not every segment is in each image; the tree is of all and not for one picture."""
    together = lm.segment(model.encoder, [PHOTO, pixels(1, 32, 40, seed=8)[0]], 4, size="nearest")
    for image, found in zip((PHOTO, pixels(1, 32, 40, seed=8)[0]), together, strict=True):
        axes = lm.plot.depths(image, found, (2, 9, 30))
        assert [one.get_title() for one in axes] == ["2 segments", "9 segments", "30 segments"]
        lm.plot.segments(image, found)
        with pytest.raises(ValueError, match="merge_tree: segments are of several images in one tree"):
            lm.plot.merge_tree(image, found)


def outlines(axes: object, colour: str) -> set[tuple[float, float]]:
    boxes = [box for box in axes.patches if to_hex(box.get_edgecolor()).upper() == colour]
    return {(box.get_y() + 0.5, box.get_x() + 0.5) for box in boxes}


@pytest.mark.parametrize("options", [
    {"crop_rule": "grow"}, {"crop_rule": "fixed"}, {"mask": "block_wise"}, {"patch_gap": 0},
    {"preset": "ijepa", "grid": 6, "num_visible": None},
])  # fmt: skip
def test_views_lie_where_they_are(options: dict) -> None:
    """Outlines of seen and predicted patches, clear pixels within them, all else veiled."""
    given = {name: value for name, value in (SMALL | options).items() if value is not None}
    config = lm.ModelConfig.resolve(**given)
    drawn = lm.masking.sample(config, batch=3, seed=3)
    crop = np.random.default_rng(0).integers(0, 150, (*config.crop_size, 3)).astype(np.uint8)
    axes = lm.plot.views(crop, drawn, 2)
    cell, side = config.cell, config.patch_size
    rows, columns = config.training_grid
    row, column = np.divmod(np.arange(rows * columns), columns)
    corner = np.stack([row, column], 1) * cell + drawn.offsets[2]
    assert outlines(axes[0], canvas.BLUE) == set(map(tuple, corner[drawn.visible[2]].tolist()))
    blocks = drawn.target[2].reshape(drawn.target_blocks, -1)
    colours = (canvas.ORANGE, canvas.GREEN, canvas.PURPLE, canvas.VERMILION)
    for block, colour in zip(blocks, colours[: len(blocks)], strict=True):
        assert outlines(axes[0], colour) == set(map(tuple, corner[block].tolist()))
    neither = sorted(set(range(rows * columns)) - set(drawn.visible[2]) - set(drawn.target[2]))
    assert outlines(axes[0], canvas.GREY) == set(map(tuple, corner[neither].tolist()))
    for one, cells in zip(axes, (np.arange(rows * columns), drawn.visible[2], drawn.target[2]), strict=True):
        inside = np.zeros(config.crop_size, bool)
        for top, left in corner[cells]:
            inside[top : top + side, left : left + side] = True
        assert np.array_equal((one.images[0].get_array() == crop / np.float32(255)).all(axis=2), inside)
    several = f"{len(blocks)} blocks of " if len(blocks) > 1 else ""
    assert [one.get_title() for one in axes[1:]] == [
        f"seen: {drawn.visible.shape[1]} patches", f"predicted: {several}{blocks.shape[1]} latents",
    ]  # fmt: skip


def test_views_of_another_model_are_refused() -> None:
    config = lm.ModelConfig.resolve(**SMALL)
    drawn = lm.masking.sample(config, batch=2)
    crop = np.zeros((*config.crop_size, 3), np.uint8)
    larger = lm.ModelConfig.resolve(**SMALL | {"grid": 6, "num_visible": 9})
    with pytest.raises(ValueError, match=r"views: offsets have shape \[2, 20, 2\].*wanted \[B, 36, 2\]"):
        lm.plot.views(np.zeros((*larger.crop_size, 3), np.uint8), drawn, config=larger)
    with pytest.raises(ValueError, match="views: index is 2, wanted one of the 2 images"):
        lm.plot.views(crop, drawn, 2)
    strange = lm.Views(drawn.visible + 20, drawn.target, drawn.offsets)
    with pytest.raises(ValueError, match=r"views: visible holds cells .*, wanted those of a 4×5 grid"):
        lm.plot.views(crop, strange, config=config)
    with pytest.raises(ValueError, match=r"views: crop has shape \[40, 50, 1\], wanted \[H, W, 3\]"):
        lm.plot.views(crop[..., :1], drawn)


def test_readings_of_collapse() -> None:
    reading = Diagnosis(0.4, 0.9, 0.1, 0.375, "Learning.")
    spread = Spread(np.array([2.0, 3.5, 1.25]), np.array([0.9, 0.5, -0.1]))
    gauge, ranks, cosines = lm.plot.diagnosis(reading, spread)
    assert [list(line.get_xdata()) for line in gauge.lines] == [[0.1, 0.1], [0.9, 0.9], [0.4]]
    texts = [text.get_text() for text in gauge.texts]
    assert texts == ["floor\n0.100", "chance\n0.900", "loss 0.400", "Learning."]
    assert ranks.lines[0].get_ydata().tolist() == [2, 3.5, 1.25]
    assert cosines.lines[0].get_ydata().tolist() == [0.9, 0.5, -0.1]
    assert cosines.get_ylim()[0] < -0.1
    assert lm.plot.diagnosis(spread).shape == (2,)
    without_chance = lm.plot.diagnosis(Diagnosis(7.0, np.nan, 0.0, np.nan, "Direct."))
    assert [list(line.get_xdata()) for line in without_chance[0].lines] == [[0, 0], [7]]
    without_chance._repr_png_()
    with pytest.raises(TypeError, match=r"diagnosis: is a float, wanted what `latentmim.diagnose`"):
        lm.plot.diagnosis(0.4)
    with pytest.raises(ValueError, match="diagnosis: there is none"):
        lm.plot.diagnosis()
