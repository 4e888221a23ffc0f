"""Whatever holds images, and the rows that an encoder makes of them."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import Arrays, Dataset, ImageList
from latentmim.data.each import as_images
from latentmim.embedding.table import Known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim._rows import Compute
    from latentmim.encoder import Encoder

__all__ = ["Images", "Source"]

Images: TypeAlias = "Dataset | PathLike | ArrayLike | Iterable[PathLike] | Iterable[ArrayLike]"


class Source:
    """Images to be embedded, by number.

    Args:
        images: a data set, the path of a folder, a packed file or an image, paths of images, an array [N, H, W, C] or
            a list of [H, W, C], whose sizes may differ.
        channels: of images in files.

    Attributes:
        known: their paths and labels.

    Examples:
        >>> from latentmim.embedding.sources import Source
        >>> len(Source("photos", channels=3).known.paths)
        28

    """

    def __init__(self, images: Images, channels: int) -> None:
        self._sets = _opened(images, channels)
        first = self._sets[0]
        self.known = Known(first.paths, first.labels, first.classes) if len(self._sets) == 1 else Known([], None, [])

    def __len__(self) -> int:
        return len(self._sets[0]) if len(self._sets) == 1 else len(self._sets)

    def compute(self, encoder: Encoder, options: str) -> Compute:
        """What fills rows of images with these numbers; options as the core reads them."""

        def fill(numbers: NDArray[np.int64], rows: FloatArray) -> None:
            if len(self._sets) == 1:
                return _native.encoder_dataset_features(encoder._handle, self._sets[0]._handle, numbers, options, rows)
            for row, number in enumerate(numbers):
                alone, image = self._sets[number], np.zeros(1, np.int64)
                _native.encoder_dataset_features(encoder._handle, alone._handle, image, options, rows[row : row + 1])
            return None

        return fill

    def fingerprint(self) -> dict[str, Any]:
        """What tells these images from others, see `lm_dataset_fingerprint`."""
        found: list[dict[str, Any]] = [json.loads(_native.dataset_fingerprint(data._handle)) for data in self._sets]
        if len(found) == 1:
            return found[0]
        content = hashlib.blake2b(json.dumps(found).encode(), digest_size=8).hexdigest()
        return {"images": len(found), "names": "", "content": content}


def _opened(images: Images, channels: int) -> list[Dataset]:
    """One data set, or one for each image where their sizes differ."""
    if isinstance(images, Dataset):
        return [images]
    if isinstance(images, str | os.PathLike):
        found = as_images(images, channels)
        assert isinstance(found, Dataset)
        return [found]
    given: Any = images
    if not isinstance(images, list | tuple):
        given = _arrays.array(images, "images")
        if given.dtype.kind not in "OUT":
            return [Arrays(given)]
        given = given.tolist() if given.ndim == 1 else given
    if not len(given):
        raise ValueError("images: there are none")
    if all(isinstance(item, str | os.PathLike) for item in given):
        return [ImageList(given, channels=channels)]
    if len({np.shape(item) for item in given}) == 1:
        return [Arrays(given)]
    return [Arrays([_image(item, number)]) for number, item in enumerate(given)]


def _image(values: Any, number: int) -> NDArray[Any]:
    found = _arrays.pixels(values, f"image {number}")
    if found.ndim not in (2, 3):
        raise ValueError(f"image {number}: shape is {list(found.shape)}, wanted [H, W, C] or [H, W]")
    return found
