"""Labels in colour over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.plot.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW, grey, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import IntArray

__all__ = [
    "borders",
    "check_opacity",
    "colours",
    "label_map",
    "object_colours",
    "overlay",
    "painted",
    "show_region",
]

VOID = 255
BASE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW, GREY)


def colours(count: int) -> NDArray[np.float64]:
    """[count, 3] in 0 … 1: eight colours that anybody can tell apart; beyond that, the same lightened and darkened.

    Examples:
        >>> from latentmim.plot.label_colours import colours
        >>> colours(5).shape
        (5, 3)

    """
    base = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in BASE]) / 255
    shades = np.concatenate([base, 0.5 + 0.5 * base, 0.5 * base])
    return shades[np.arange(count) % len(shades)]


def object_colours(most: int) -> NDArray[np.float64]:
    """[most + 1 or more, 4] objects 1 … most in colour, the background 0 clear, what is unknown (255) light grey.

    Examples:
        >>> from latentmim.plot.label_colours import object_colours
        >>> object_colours(2).shape
        (3, 4)

    """
    shades = np.concatenate([np.zeros((1, 4)), np.c_[colours(most), np.ones(most)]])
    shades[VOID : VOID + 1] = (0.87, 0.87, 0.87, 1)
    return shades


def label_map(labels: ArrayLike, size: tuple[int, ...], function: str, name: str = "labels") -> IntArray:
    """Labels [H, W], checked.

    Args:
        labels: a whole number, or whether, for each pixel.
        size: (H, W) of the image.
        function: as the user calls it, for messages.
        name: of the argument.

    Raises:
        TypeError: no whole numbers.
        ValueError: another size, a negative label.

    Examples:
        >>> from latentmim.plot.label_colours import label_map
        >>> label_map(np.eye(3, dtype=int), (3, 3), "mine").dtype
        dtype('int32')

    """
    given = np.asarray(labels)
    given = given.astype(np.uint8) if given.dtype == bool else given
    array: IntArray = _arrays.integers(given, f"{function}: {name}", np.int32)
    if array.shape != tuple(size):
        raise ValueError(f"{function}: {name} have shape {list(array.shape)}, wanted {list(size)}, the image's")
    if array.size and array.min() < 0:
        raise ValueError(f"{function}: {name} hold {array.min()}, wanted 0 and more")
    return array


def overlay(axes: Axes, labels: NDArray[Any], shades: NDArray[np.float64], opacity: float) -> None:
    """Labels [H, W] over what is drawn, in the colours [count, 3 or 4] of their numbers, with white borders.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> from latentmim.plot.label_colours import colours, overlay
        >>> overlay(panels("mine", 1, 1, 3.0, 3.0).flat[0], np.eye(4, dtype=int), colours(2), 0.5)

    """
    coloured = shades[labels]
    if shades.shape[1] == 3:
        coloured = np.concatenate([coloured, np.ones((*labels.shape, 1))], axis=2)
    coloured[..., 3] *= opacity
    axes.imshow(coloured, interpolation="nearest")
    borders(axes, labels)


def show_region(axes: Axes, image: NDArray[Any], inside: NDArray[np.bool_], colour: Any) -> None:
    """A displayed image [H, W, C], all but a region [H, W] of it faded.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> from latentmim.plot.label_colours import show_region
        >>> show_region(panels("mine", 1, 1, 3.0, 3.0).flat[0], image, image[..., 0] > 0.5, "red")

    """
    faded = 0.25 * grey(image) + 0.75
    plain = image / np.float32(255) if image.dtype == np.uint8 else image
    show(axes, np.where(inside[..., None], plain[..., :3] if plain.shape[2] > 2 else grey(image), faded))
    borders(axes, inside, colour, 1.2)


def borders(axes: Axes, labels: NDArray[Any], colour: str = "white", linewidth: float = 1) -> None:
    """Lines between pixels [H, W] of different labels, on the pixels' edges.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> from latentmim.plot.label_colours import borders
        >>> borders(panels("mine", 1, 1, 3.0, 3.0).flat[0], np.eye(4, dtype=int))

    """
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    axes.vlines(columns + 0.5, rows - 0.5, rows + 0.5, color=colour, linewidth=linewidth)
    rows, columns = np.nonzero(labels[1:] != labels[:-1])
    axes.hlines(rows + 0.5, columns - 0.5, columns + 0.5, color=colour, linewidth=linewidth)


def painted(frame: NDArray[Any], labels: IntArray, opacity: float) -> NDArray[np.uint8]:
    """[H, W, 3] a displayed image with objects in colour over it, edges in white.

    Examples:
        >>> from latentmim.plot.label_colours import painted
        >>> painted(np.zeros((3, 3, 3), np.uint8), np.eye(3, dtype=np.int32), 0.5).shape
        (3, 3, 3)

    """
    plain = frame if frame.dtype == np.uint8 else (255 * frame + 0.5).astype(np.uint8)
    plain = plain[..., :3] if plain.shape[2] > 2 else np.repeat(plain[..., :1], 3, axis=2)
    shades = object_colours(int(labels.max()))[labels]
    share = opacity * shades[..., 3:]
    mixed = (1 - share) * plain + share * 255 * shades[..., :3]
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    mixed[edge] = 255
    return (mixed + 0.5).astype(np.uint8)


def check_opacity(opacity: float, function: str) -> None:
    """Refuse what is not within 0 … 1. Raises ValueError.

    Examples:
        >>> from latentmim.plot.label_colours import check_opacity
        >>> check_opacity(0.5, "mine")

    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"{function}: opacity is {opacity}, wanted 0 … 1")
