"""The images that a widget is given, and what a browser gets to show of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.data import Dataset, ImageFolder, load_image, resize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["gather", "thumbnail"]

MOST = 100
# What all images have in a browser together, and the longer side of one.
ALL_PIXELS, LONGEST = 1_500_000, 800


def gather(images: Any, channels: int) -> tuple[list[str], list[NDArray[Any]]]:
    """A name and the pixels [H, W, C] of each image.

    Args:
        images: see `explore`.
        channels: that files get.

    Raises:
        ValueError: more than 100 images or none, NaN, another number of channels.
        TypeError: pixels neither uint8 nor float.

    Examples:
        >>> from latentmim.exploring.pictures import gather
        >>> names, images = gather(["photos/" + path.split("photos/")[1] for path in photos.paths[:2]], channels=3)
        >>> len(names), images[0].ndim
        (2, 3)

    """
    if isinstance(images, str | os.PathLike):
        images = ImageFolder(images, channels=channels) if os.path.isdir(_arrays.path(images)) else [images]
    elif not isinstance(images, Dataset | list | tuple):
        images = np.asarray(images)
        images = [images] if images.ndim == 3 else images
    if not 1 <= len(images) <= MOST:
        raise ValueError(f"images: are {len(images)}, wanted 1 … {MOST}; of a folder or an array take some: images[:9]")
    return _names(images), [_pixels(images[index], index, channels) for index in range(len(images))]


def _names(images: Any) -> list[str]:
    """Those of files, without their folders; numbers otherwise."""
    paths = images.paths or range(len(images)) if isinstance(images, Dataset) else images
    return [
        _arrays.shown(os.path.basename(_arrays.path(path))) if isinstance(path, str | os.PathLike) else f"image {index}"
        for index, path in enumerate(paths)
    ]


def _pixels(image: Any, index: int, channels: int) -> NDArray[Any]:
    if isinstance(image, str | os.PathLike):
        return load_image(image, channels=channels)
    pixels, is_single = _arrays.batch(image, f"images[{index}]")
    if not is_single:
        raise ValueError(f"images[{index}]: shape is {list(pixels.shape)}, wanted one image [H, W, C]")
    if not pixels.size or pixels.shape[3] != channels:
        raise ValueError(f"images[{index}]: shape is {list(pixels.shape[1:])}, wanted {channels} channels")
    shown: NDArray[Any] = pixels[0]
    return shown


def thumbnail(image: ArrayLike, count: int) -> NDArray[np.uint8]:
    """[height, width, 3] colours of an image that is one of `count`, no larger than a browser needs.

    As in `latentmim.plot`, one channel is grey, two are red and cyan, of more the first three count.

    Examples:
        >>> from latentmim.exploring.pictures import thumbnail
        >>> thumbnail(image, count=1).dtype
        dtype('uint8')

    """
    pixels = np.asarray(image)
    height, width, channels = pixels.shape
    scale = min(1, LONGEST / max(height, width), (ALL_PIXELS / (count * height * width)) ** 0.5)
    scaled = resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    colours = scaled[..., [0, min(1, channels - 1), min(2, channels - 1)]]
    levels: NDArray[np.uint8] = (255 * np.clip(colours, 0, 1) + 0.5).astype(np.uint8)
    return levels
