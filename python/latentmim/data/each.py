"""Images of different sizes, one after the other, from whatever holds them, and names for what is made of them."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from latentmim import _arrays
from latentmim.data.datasets import Arrays, Dataset
from latentmim.data.files import ImageList
from latentmim.data.images import load_image
from latentmim.data.opening import as_dataset, is_packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import PathLike

__all__ = ["as_images", "each_image", "names_below"]

Images: TypeAlias = "Dataset | PathLike | Iterable[PathLike] | Iterable[ArrayLike]"


def as_images(images: Images, channels: int) -> Dataset | Iterable[Any]:
    """A data set of what is in files; what else there is stays as it is, to be gone through once.

    Args:
        images: a data set, the path of a folder, a packed file or an image, paths of images, or images [H, W, C].
        channels: of images in files.

    Examples:
        >>> from latentmim.data.each import as_images
        >>> as_images("photos", channels=3)
        ImageFolder('photos': 28 images, 14 classes)

    """
    if isinstance(images, str | os.PathLike):
        place = _arrays.path(images)
        is_set = os.path.isdir(place) or is_packed(place)
        return as_dataset(place, channels) if is_set else ImageList([place], channels=channels)
    if isinstance(images, list | tuple) and images and all(isinstance(item, str | os.PathLike) for item in images):
        return ImageList(images, channels=channels)
    return images.images if isinstance(images, Arrays) else images


def each_image(images: Images, channels: int) -> Iterator[tuple[str, NDArray[Any] | None]]:
    """Names and pixels of images; arguments as of `as_images`.

    Yields:
        The path of each, or "image" and its number; and its pixels [H, W, C], or None where a data set skips it because
        it cannot be read.

    Examples:
        >>> from latentmim.data.each import each_image
        >>> [pixels.shape for name, pixels in each_image(photos[:2], channels=3)]
        [(348, 464, 3), (348, 348, 3)]

    """
    source = as_images(images, channels)
    paths = source.paths if isinstance(source, Dataset) else []
    for number, item in enumerate(_numbered(source) if isinstance(source, Dataset) else source):
        if isinstance(item, str | os.PathLike):
            yield _arrays.shown(_arrays.path(item)), load_image(item, channels=channels)
            continue
        name = _arrays.shown(paths[number]) if paths else f"image {number}"
        yield name, None if item is None else _arrays.array(item, name)


def _numbered(data: Dataset) -> Iterator[NDArray[Any] | None]:
    for number in range(len(data)):
        try:
            yield data[number]
        except (OSError, ValueError):
            # Raises again unless the data set skips what cannot be read.
            if not np.isnan(data.resized(1, [number])).all():
                raise
            yield None


def names_below(data: Dataset) -> list[str]:
    """A name for each image, none twice: its path below the folder of all, without ending unless two differ in that.

    Images without a path have their number as name.

    Raises:
        ValueError: a path leads out of that folder.

    Examples:
        >>> from latentmim.data.each import names_below
        >>> names_below(photos[:2])
        ['08e4d2d4724e', '10eeaa3cf664']

    """
    paths, folder = data.paths, getattr(data, "path", "")
    if not paths:
        return [f"{number:06}" for number in range(len(data))]
    if not os.path.isdir(folder):
        folder = os.path.commonpath([os.path.dirname(path) or "." for path in paths])
    below = [os.path.normpath(os.path.relpath(path, folder)) for path in paths]
    if outside := [name for name in below if name.startswith("..") or os.path.isabs(name)]:
        raise ValueError(f"{_arrays.shown(outside[0])}: leads out of the folder of the images")
    stems = [os.path.splitext(name)[0] for name in below]
    taken = Counter(stems)
    names = [stem if taken[stem] == 1 else name for stem, name in zip(stems, below, strict=True)]
    taken = Counter(names)
    return [name if taken[name] == 1 else f"{name}.{number}" for number, name in enumerate(names)]
