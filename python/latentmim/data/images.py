"""Single images: which formats are read, decoding, resizing."""

from __future__ import annotations

import json
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike

__all__ = ["conversion", "formats", "load_image", "load_levels", "pixels", "resize"]


def formats() -> dict[str, list[str]]:
    """The file formats of images that are read, each with the usual endings of its files: {"JPEG": [".jpg", …]}.

    Examples:
        >>> lm.data.formats()["JPEG"]
        ['.jpg', '.jpeg', '.jpe', '.jfif']

    """
    names: dict[str, list[str]] = json.loads(_native.image_formats())
    return names


def load_image(path: PathLike, *, channels: int = 3, background: float | Sequence[float] = 1.0) -> FloatArray:
    """Decode an image file, turned as its orientation says; its format is told by its content.

    Args:
        path: of the file; `~` is your home.
        channels: 1 for grey, 3 for RGB, 4 for RGBA (2 for grey and alpha), or the number of bands that the file has:
            see `ImageFolder`.
        background: 0 … 1, what shows through transparent pixels: one value, or red, green and blue.

    Returns:
        [H, W, channels] float32 in 0 … 1; 16 bits are kept.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no image of one of `formats()`, is damaged, has other channels than wanted, or more than 2²⁸
            pixels.

    Examples:
        >>> image = lm.load_image(photos.paths[1])
        >>> image.shape, image.dtype
        ((348, 348, 3), dtype('float32'))

    """
    return pixels(*_native.image_load(_arrays.path(path), conversion(channels, background)))


def load_levels(path: PathLike, *, channels: int = 3) -> NDArray[Any]:
    """The same as uint8 where the file has 8 bits: resized as Pillow does it, and a quarter of the memory.

    Examples:
        >>> from latentmim.data.images import load_levels
        >>> levels = load_levels(photos.paths[1])
        >>> levels.dtype, int(levels.max()) <= 255
        (dtype('uint8'), True)

    """
    image = load_image(path, channels=channels)
    levels = np.rint(image * np.float32(255))
    # The step of 16 bits is 1.5e-5.
    return levels.astype(np.uint8) if np.abs(levels / np.float32(255) - image).max() < 1e-6 else image


def conversion(channels: int, background: float | Sequence[float]) -> tuple[int, tuple[float, float, float]]:
    """What the core takes for the two. Raises ValueError, TypeError.

    Examples:
        >>> from latentmim.data.images import conversion
        >>> conversion(3, 1.0)
        (3, (1.0, 1.0, 1.0))

    """
    try:
        colors = np.asarray(background, np.float64).reshape(-1)
    except (TypeError, ValueError):
        colors = np.empty(0)
    if len(colors) not in (1, 3):
        shown = reprlib.repr(background)
        raise ValueError(f"background: is {shown}, wanted one value or red, green and blue, each in 0 … 1")
    red, green, blue = (float(value) for value in np.resize(colors, 3))
    return _arrays.whole(channels, "channels"), (red, green, blue)


def resize(images: ArrayLike, size: int | Sequence[int]) -> FloatArray:
    """Bring images to another size, bicubic and antialiased.

    Args:
        images: [B, H, W, C] or [H, W, C], uint8 in 0 … 255, uint16 in 0 … 65535 or float in 0 … 1.
        size: (height, width), or one number for both.

    Returns:
        [B, height, width, C] or [height, width, C], float32 in 0 … 1.

    Examples:
        >>> lm.resize(image, (64, 48)).shape
        (64, 48, 3)

    """
    given, is_single = _arrays.batch(images)
    height, width = _arrays.sides(size)
    resized = _arrays.empty((len(given), height, width, given.shape[3]), "resize")
    _native.resize(given, resized)
    return resized[0] if is_single else resized


def pixels(shape: tuple[int, int, int], values: bytearray) -> FloatArray:
    """An image of the core as an array.

    Examples:
        >>> from latentmim.data.images import pixels
        >>> pixels((1, 2, 3), bytearray(np.ones(6, np.float32).tobytes())).shape
        (1, 2, 3)

    """
    return np.frombuffer(values, np.float32).reshape(shape)
