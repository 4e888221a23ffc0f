"""Label maps: a whole number for each pixel, and the files they are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from latentmim._arrays import IntArray, PathLike

__all__ = ["read_labels", "resize_labels", "write_labels"]


def read_labels(path: PathLike) -> IntArray:
    """The labels in a file, as they are stored: never by way of colours, never scaled.

    Args:
        path: of a PNG file with a palette (its indices are the labels, whatever the colours) or grey of 1 to 16 bits,
            grey TIFF of 8 or 16 bits, PGM, or an NPY file of integers [H, W]; `~` is your home. Masks of DAVIS 2016 are
            grey: their object is 255.

    Returns:
        [H, W] int32.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or holds no labels: colours, floats, a format that changes numbers (JPEG).

    Examples:
        >>> np.unique(lm.data.read_labels("first_mask.png"))
        array([0, 1, 2], dtype=int32)

    """
    shape, labels = _native.labels_load(_arrays.path(path))
    return np.frombuffer(labels, np.int32).reshape(shape)


def write_labels(path: PathLike, labels: ArrayLike) -> None:
    """Write a label map as a PNG file of 8 bits with a palette of 256 colours, whole or not at all.

    The palette is the same whatever labels occur (PASCAL VOC's), so that every program reads the labels back.

    Args:
        path: of the file, ending in .png; `~` is your home.
        labels: [H, W], whole numbers 0 … 255 or bool.

    Raises:
        OSError: it cannot be written.
        ValueError: a label outside 0 … 255 (`np.save` keeps any), another ending or shape.
        TypeError: labels are no whole numbers.

    Examples:
        >>> lm.data.write_labels("mask.png", np.eye(4, dtype=np.uint8))
        >>> int(lm.data.read_labels("mask.png").sum())
        4

    """
    _native.labels_save(_arrays.path(path), label_map(labels, "labels"))


def resize_labels(labels: ArrayLike, size: int | Sequence[int]) -> IntArray:
    """Bring a label map to another size: each pixel gets the label that its centre falls on.

    Pillow's NEAREST and PyTorch's "nearest-exact" have this rule; PyTorch's "nearest" and OpenCV's take a pixel's upper
    left corner, half a pixel of the coarser map away.

    Args:
        labels: [H, W], whole numbers or bool.
        size: (height, width), or one number for both.

    Returns:
        [height, width] int32.

    Examples:
        >>> lm.data.resize_labels(np.eye(2, dtype=np.uint8), (4, 4))
        array([[1, 1, 0, 0],
               [1, 1, 0, 0],
               [0, 0, 1, 1],
               [0, 0, 1, 1]], dtype=int32)

    """
    resized = _arrays.empty(_arrays.sides(size), "resize_labels", np.int32)
    _native.upsample_labels(label_map(labels, "labels"), "nearest", resized)
    return resized


def label_map(labels: ArrayLike, name: str) -> IntArray:
    """[H, W] int32 of whole numbers or bool. Raises TypeError, ValueError."""
    array = np.asarray(labels)
    found: IntArray = _arrays.integers(array.astype(np.int32) if array.dtype == bool else array, name, np.int32)
    if found.ndim != 2:
        raise ValueError(f"{name}: shape is {list(found.shape)}, wanted [H, W]")
    return found
