"""An image in segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW, panels, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from latentmim.segmentation import Segments

__all__ = ["segments"]


def segments(image: ArrayLike, segments: Segments | ArrayLike, *, opacity: float = 0.6) -> Figure:
    """An image beside its segments.

    Args:
        image: [H, W, C], uint8 or float in 0 … 1.
        segments: of `latentmim.segment`, or [H, W] whole numbers.
        opacity: of the segments' colours over the image, 0 … 1.

    """
    picture, labels = np.asarray(image), np.asarray(segments)
    if labels.shape != picture.shape[:2]:
        raise ValueError(f"segments: labels have shape {list(labels.shape)}, wanted {list(picture.shape[:2])}")
    height, width = labels.shape
    figure, ((plain, coloured),) = panels(1, 2, 9, 4.5 * height / width + 0.4)
    show(plain, picture)
    count = int(labels.max()) + 1
    show(coloured, _grey(picture), f"{count} segments")
    coloured.imshow(labels, cmap=_colours(count), vmin=0, vmax=count - 1, alpha=opacity, interpolation="nearest")
    _draw_borders(coloured, labels)
    return figure


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    values: NDArray[Any] = image / np.float32(255) if image.dtype == np.uint8 else image
    return np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)


def _draw_borders(axes: Axes, labels: NDArray[Any]) -> None:
    """White lines between segments, on the pixels' edges."""
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    axes.vlines(columns + 0.5, rows - 0.5, rows + 0.5, color="white", linewidth=1)
    rows, columns = np.nonzero(labels[1:] != labels[:-1])
    axes.hlines(rows + 0.5, columns - 0.5, columns + 0.5, color="white", linewidth=1)


def _colours(count: int) -> ListedColormap:
    """Eight colours that anybody can tell apart; beyond that, the same lightened and darkened."""
    from matplotlib.colors import ListedColormap, to_rgb

    base = [to_rgb(colour) for colour in (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW, GREY)]
    light = [tuple(0.5 + 0.5 * part for part in colour) for colour in base]
    dark = [tuple(0.5 * part for part in colour) for colour in base]
    shades = base + light + dark
    return ListedColormap([shades[i % len(shades)] for i in range(max(count, 1))])
