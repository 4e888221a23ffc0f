"""An image in segments, at one depth of its merge tree or at several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import displayed, grey, panels, show
from latentmim.plot.label_colours import check_opacity, colours, label_map, overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim.plot.canvas import Panels
    from latentmim.segmentation import Segments

__all__ = ["depths", "segments"]


def segments(image: ArrayLike, segments: Segments | ArrayLike, *, opacity: float = 0.6, ax: Any = None) -> Panels:
    """An image beside its segments.

    Args:
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        segments: of `latentmim.segment`, or [H, W] whole numbers.
        opacity: of the segments' colours over the image, 0 … 1.
        ax: where to draw, see `latentmim.plot`: two Axes, or one for the segments alone.

    Returns:
        Axes [2]: the image, its segments; [1] where one was given.

    Raises:
        TypeError: pixels or labels of another type.
        ValueError: labels of another size than the image, negative ones, an opacity out of range.

    Examples:
        >>> lm.plot.segments(image, lm.segment(encoder, image, 4)).figure.savefig("segments.png")

    """
    picture = displayed(image, "segments")
    labels = label_map(segments, picture.shape[:2], "segments", "segments")
    check_opacity(opacity, "segments")
    height, width = labels.shape
    is_alone = ax is not None and np.size(ax) == 1
    axes: Panels = panels("segments", 1, 1 if is_alone else 2, 9, 4.5 * height / width + 0.4, ax)[0]
    if not is_alone:
        show(axes[0], picture)
    _, ranks = np.unique(labels, return_inverse=True)
    shades = colours(int(ranks.max()) + 1)
    show(axes[-1], grey(picture), f"{len(shades)} segment{'s' if len(shades) > 1 else ''}")
    overlay(axes[-1], ranks.reshape(labels.shape), shades, opacity)
    return axes


def depths(
    image: ArrayLike, segments: Segments, counts: Sequence[int] = (2, 4, 8, 16), *, opacity: float = 0.6, ax: Any = None
) -> Panels:
    """An image's segments at several depths of the merge tree. Where a segment falls apart, its largest part keeps its
    colour.

    Args:
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        segments: of `latentmim.segment`.
        counts: how many segments in each panel, in ascending order.
        opacity: of the segments' colours over the image, 0 … 1.
        ax: where to draw, see `latentmim.plot`: as many Axes as counts.

    Returns:
        Axes [counts].

    Raises:
        TypeError: `segments` are none of `latentmim.segment`.
        ValueError: an image of another size, counts that do not ascend within 1 … number of patches.

    Examples:
        >>> lm.plot.depths(image, lm.segment(encoder, image, 4), counts=(2, 4)).shape
        (2,)

    """
    picture = displayed(image, "depths")
    if not hasattr(segments, "tree"):
        raise TypeError(f"depths: segments is a {type(segments).__name__}, wanted what `latentmim.segment` returns")
    most = len(segments.tree) + 1
    if not len(counts) or list(counts) != sorted(set(counts)) or not 1 <= counts[0] <= counts[-1] <= most:
        raise ValueError(f"depths: counts is {list(counts)}, wanted ascending numbers within 1 … {most}")
    check_opacity(opacity, "depths")
    height, width = picture.shape[:2]
    axes: Panels = panels("depths", 1, len(counts), 3.4 * len(counts), 3.4 * height / width + 0.35, ax)[0]
    previous, faded = None, grey(picture)
    for one, count in zip(axes, counts, strict=True):
        cut = segments.cut(count)
        labels = label_map(cut, picture.shape[:2], "depths", "segments")
        patches = cut.patch_labels.ravel()
        order = np.arange(count) if previous is None else _inherited(previous, patches, count)
        show(one, faded, f"{count} segment{'s' if count > 1 else ''}")
        overlay(one, order[labels], colours(int(order.max()) + 1), opacity)
        previous = order[patches]
    return axes


def _inherited(parents: NDArray[Any], labels: NDArray[Any], count: int) -> NDArray[Any]:
    """[count] the colour of each label: the largest part of a parent keeps its colour, others take the next free."""
    order, free = np.full(count, -1), int(parents.max()) + 1
    taken = set()
    for label in np.argsort(-np.bincount(labels, minlength=count), kind="stable"):
        parent = int(parents[np.argmax(labels == label)])
        order[label] = free if parent in taken else parent
        free += parent in taken
        taken.add(parent)
    return order
