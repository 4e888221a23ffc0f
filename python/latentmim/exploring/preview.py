"""A still picture of what the widget shows, for where a notebook is read without running it; and its colours."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.data import resize
from latentmim.plot.label_colours import colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLOURS", "coloured", "png", "side_by_side"]

# Viridis, which colour-blind people read too.
VIRIDIS = [[68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
           [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37]]  # fmt: skip
# A browser gets them too; those of segments begin again after so many.
COLOURS = {"similarity": VIRIDIS, "segments": (255 * colours(24)).round().astype(int).tolist()}

HEIGHT, MOST, GAP = 240, 5, 8


def coloured(view: str, values: NDArray[Any], threshold: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """[rows, columns, 3] colours of the patches of an image, 0 … 255, and which patches have one.

    Examples:
        >>> from latentmim.exploring.preview import coloured
        >>> colours, shown = coloured("similarity", np.array([[0.2, 0.9]]), threshold=0.5)
        >>> shown
        array([[False,  True]])

    """
    if view == "pca":
        return values.astype(float), np.ones(values.shape[:2], bool)
    if view == "segments":
        return np.array(COLOURS[view], float)[values % len(COLOURS[view])], np.ones(values.shape, bool)
    at = np.clip((values - threshold) / max(1 - threshold, 1e-6), 0, 1) * (len(VIRIDIS) - 1)
    parts = [np.interp(at, np.arange(len(VIRIDIS)), part) for part in np.array(VIRIDIS, float).T]
    return np.stack(parts, axis=-1), values >= threshold


def side_by_side(
    images: list[NDArray[np.uint8]], maps: list[tuple[NDArray[np.float64], NDArray[np.bool_]]], opacity: float
) -> NDArray[np.uint8]:
    """[240, W, 3], the first five images in grey, each with its colours of patches over it.

    Examples:
        >>> from latentmim.exploring.preview import coloured, side_by_side
        >>> thumbnail = (255 * image).astype(np.uint8)
        >>> side_by_side([thumbnail], [coloured("similarity", np.ones((10, 10)), 0.5)], opacity=0.5).shape
        (240, 240, 3)

    """
    parts = []
    for image, (shades, has_colour) in zip(images[:MOST], maps, strict=False):
        width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
        grey = 255 * np.clip(resize(image, (HEIGHT, width)), 0, 1).mean(axis=2, keepdims=True)
        rows, columns = (np.arange(side) * count // side for side, count in zip((HEIGHT, width), has_colour.shape,
                                                                               strict=True))  # fmt: skip
        share = opacity * has_colour[rows][:, columns, np.newaxis]
        parts += [grey + share * (shades[rows][:, columns] - grey), np.full((HEIGHT, GAP, 3), 255.0)]
    return (np.concatenate(parts[:-1], axis=1) + 0.5).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of [H, W, 3] pixels.

    Examples:
        >>> from latentmim.exploring.preview import png
        >>> png(np.zeros((4, 4, 3), np.uint8))[1:4]
        b'PNG'

    """
    height, width, _ = pixels.shape
    # A row says first that it is stored as it is.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    chunks = {b"IHDR": struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(rows.tobytes()),
              b"IEND": b""}  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
