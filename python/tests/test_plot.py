"""Axes in, Axes out; segments, merge trees, views, readings of collapse: what is drawn, by the data on the Axes."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import pixels
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import latentmim as lm
from latentmim.plot import canvas, label_colours

LABELS = np.repeat(np.repeat(np.array([[0, 1, 1], [2, 2, 3]]), 4, 0), 4, 1)
PHOTO = pixels(1, 8, 12)[0]


@pytest.fixture
def found(model: lm.LatentMIM) -> lm.Segments:
    return lm.segment(model.encoder, pixels(1, 32, 40)[0], 4, size="nearest", upsample="nearest")


def test_axes_are_returned_and_notebooks_show_their_figure(found: lm.Segments) -> None:
    """One Axes or an array of them, each with `.figure`; no figure of pyplot's is left behind."""
    several = lm.plot.segments(PHOTO, LABELS)
    single = lm.plot.merge_tree(pixels(1, 32, 40)[0], found, 6)
    assert several.shape == (2,) and isinstance(single, Axes) and several.axes == several.figure.axes
    for shown in (several, several[0], single, several.figure):
        assert shown._repr_png_().startswith(b"\x89PNG")
    assert isinstance(several.figure, Figure) and several[1].figure is several.figure
    assert pyplot.get_fignums() == []


def test_axes_of_others_are_drawn_on() -> None:
    """They show themselves: what is returned has no picture, or notebooks would show it twice."""
    figure, axes = pyplot.subplots(2, 2)
    returned = lm.plot.segments(PHOTO, LABELS, ax=axes[0])
    assert list(returned) == list(axes[0]) and returned.figure is figure
    assert returned._repr_png_() is None
    assert lm.plot.segments(PHOTO, LABELS, ax=axes[1, 0]).shape == (1,)
    assert [len(one.images) for one in axes.flat] == [1, 2, 2, 0]
    assert lm.plot.history([{"step": 1, "loss": 1.0} | dict.fromkeys(HISTORY, 0.5)], ax=axes.tolist()).shape == (2, 2)
    pyplot.close(figure)


HISTORY = ("similarity_images", "similarity_predictions", "similarity_visible", "similarity_targets", "effective_rank",
           "learning_rate")  # fmt: skip


def test_pyplot_is_not_loaded() -> None:
    code = """
import sys, numpy as np, latentmim as lm
lm.plot.segments(np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=int))._repr_png_()
assert "matplotlib.figure" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_axes_that_do_not_fit_are_refused() -> None:
    figure = Figure()
    with pytest.raises(ValueError, match=r"segments: ax holds 3 Axes, wanted 2"):
        lm.plot.segments(PHOTO, LABELS, ax=figure.subplots(1, 3))
    with pytest.raises(ValueError, match=r"history: ax holds 1 Axes, wanted 4, 2 rows of 2"):
        lm.plot.history([{"step": 1, "loss": 1.0}], ax=figure.subplots())
    with pytest.raises(TypeError, match=r"segments: ax holds a Figure, wanted matplotlib Axes"):
        lm.plot.segments(PHOTO, LABELS, ax=[figure, figure])


def test_segments_are_where_their_pixels_are() -> None:
    plain, coloured = lm.plot.segments(PHOTO, LABELS, opacity=0.5)
    assert np.array_equal(plain.images[0].get_array(), PHOTO)
    shown = coloured.images[1].get_array()
    assert np.array_equal(shown[..., :3], label_colours.colours(4)[LABELS])
    assert (shown[..., 3] == 0.5).all()
    assert coloured.get_title() == "4 segments"
    # One line for each pixel's edge between two segments.
    edges = sorted(tuple(map(tuple, line)) for lines in coloured.collections for line in lines.get_segments())
    down = [((x - 0.5, y - 0.5), (x - 0.5, y + 0.5)) for x, rows in ((4, range(4)), (8, range(4, 8))) for y in rows]
    along = [((x - 0.5, 3.5), (x + 0.5, 3.5)) for x in range(12)]
    assert edges == sorted(down + along)
    # Sparse labels have the colours of their ranks.
    sparse = np.array([3, 7, 20, 255])[LABELS]
    assert np.array_equal(lm.plot.segments(PHOTO, sparse)[1].images[1].get_array()[..., :3], shown[..., :3])
    assert lm.plot.segments(PHOTO, LABELS == 2)[1].get_title() == "2 segments"


@pytest.mark.parametrize("photo", [PHOTO / 255, PHOTO[..., :1], PHOTO[..., :2], pixels(1, 8, 12, 7)[0],
                                   (PHOTO * np.uint16(257)).astype(np.uint16)])  # fmt: skip
def test_images_of_any_kind_are_shown(photo: np.ndarray) -> None:
    shown = lm.plot.segments(photo, LABELS)[0].images[0]
    scale = {"u": np.iinfo(photo.dtype).max if photo.dtype.kind == "u" else 1, "f": 1}[photo.dtype.kind]
    first = shown.get_array() if photo.shape[2] == 1 else shown.get_array()[..., 0]
    assert np.allclose(first / (255 if first.dtype == np.uint8 else 1), photo[..., 0] / scale, atol=1e-6)
    lm.plot.segments(photo, LABELS)._repr_png_()


def test_what_is_no_image_or_label_map_is_refused(found: lm.Segments) -> None:
    for labels, error, match in [
        (LABELS[:3], ValueError, r"segments: segments have shape \[3, 12\], wanted \[8, 12\]"),
        (-LABELS, ValueError, r"segments: segments hold -3, wanted 0 and more"),
        (LABELS / 2, TypeError, r"segments: segments: dtype is float64, wanted integers"),
    ]:
        with pytest.raises(error, match=match):
            lm.plot.segments(PHOTO, labels)
    for image, error, match in [
        (PHOTO[0], ValueError, r"segments: image has shape \[12, 3\], wanted \[H, W, C\]"),
        (PHOTO.astype(int), TypeError, r"segments: image: dtype is int64"),
        (np.full((8, 12, 3), np.nan), ValueError, r"segments: image holds numbers that are not finite"),
    ]:
        with pytest.raises(error, match=match):
            lm.plot.segments(image, LABELS)
    with pytest.raises(ValueError, match=r"segments: opacity is 2, wanted 0 … 1"):
        lm.plot.segments(PHOTO, LABELS, opacity=2)
    with pytest.raises(ValueError, match=r"depths: counts is \[4, 2\], wanted ascending numbers within 1 … 20"):
        lm.plot.depths(pixels(1, 32, 40)[0], found, [4, 2])
    with pytest.raises(TypeError, match=r"depths: segments is a ndarray"):
        lm.plot.depths(PHOTO, LABELS)
    with pytest.raises(ValueError, match=r"merge_tree: leaves is 3, wanted 4 \(segments\) … 20 \(patches\)"):
        lm.plot.merge_tree(pixels(1, 32, 40)[0], found, 3)


def test_colours_can_be_told_apart_by_everybody() -> None:
    """Okabe and Ito's; the deuteranope's and protanope's view of any two of the eight differs clearly."""
    shades = label_colours.colours(8)
    assert {to_hex(one).upper() for one in shades} == {
        canvas.ORANGE, canvas.SKY, canvas.GREEN, canvas.YELLOW, canvas.BLUE, canvas.VERMILION, canvas.PURPLE,
        canvas.GREY,
    }  # fmt: skip
    assert len({tuple(one) for one in label_colours.colours(24)}) == 24
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    for view in (MACHADO_DEUTERANOPE, MACHADO_PROTANOPE):
        seen = (linear @ np.array(view).T).clip(0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen, axis=2)[np.triu_indices(8, 1)]
        assert apart.min() > 0.18, "a grey of 0.5 is 0.06 from green"


# Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB.
MACHADO_DEUTERANOPE = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
MACHADO_PROTANOPE = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]


def test_scores_that_hardly_move_have_ticks_that_can_be_told_apart() -> None:
    steps = [{"step": step, "loss": 1.0, **dict.fromkeys((*HISTORY, "gradient_norm"), 0.5)} for step in (1, 2, 3)]
    scored = [line | {"nn_accuracy": score} for line, score in zip(steps, (0.9748, 0.9748, 0.9733), strict=True)]
    panels = lm.plot.history(scored)
    panels.figure.canvas.draw()
    labels = [label.get_text() for label in panels[1, 2].get_yticklabels()]
    assert len(set(labels)) == len(labels) > 3
    assert all(label.endswith("%") for label in labels)
