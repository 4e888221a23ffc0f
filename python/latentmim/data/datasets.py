"""What a data set is, some of its images, and images in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig, TrainingConfig
from latentmim.data.images import pixels
from latentmim.data.labels import numbered, zero_ended
from latentmim.names import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray

__all__ = ["Arrays", "Dataset", "Subset"]


class Dataset:
    """Images, perhaps with labels: `len(dataset)` is their number, `dataset[i]` one of them.

    An image is [H, W, C] float32 in 0 … 1. `dataset[100:200]` and `dataset.subset(indices)` are data sets of some of
    the images.

    Examples:
        >>> len(photos), photos.channels, len(photos[10:20])
        (28, 3, 10)
        >>> photos.paths[4], photos.classes[photos.labels[4]]
        ('photos/Conference/1322b2745a6b.jpg', 'Conference')
        >>> photos.skipped
        []

    """

    _handle: Any

    def __len__(self) -> int:
        return _native.dataset_count(self._handle)

    @overload
    def __getitem__(self, index: int) -> FloatArray: ...
    @overload
    def __getitem__(self, index: slice) -> Subset: ...
    def __getitem__(self, index: int | slice) -> FloatArray | Subset:
        if isinstance(index, slice):
            return self.subset(np.arange(len(self))[index])
        number = _arrays.whole(index, "image")
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(f"image {number} of {len(self)}")
        return pixels(*_native.dataset_image(self._handle, place))

    def __iter__(self) -> Iterator[FloatArray]:
        return (self[index] for index in range(len(self)))

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """[N] int64, one class number an image; None without labels."""
        labels = np.empty(len(self), np.int64)
        return labels if _native.dataset_labels(self._handle, labels) else None

    @property
    def classes(self) -> list[str]:
        """The names of the classes, by number; empty without names."""
        return list(self._description["classes"])

    @property
    def paths(self) -> list[str]:
        """The files, in the order of their indices; empty for images in memory."""
        return _native.dataset_paths(self._handle)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(path, reason) of each file that turned out unreadable so far; see `ImageFolder`'s `on_error`."""
        skipped = self._description["skipped"]
        paths = self.paths if skipped else []
        return [(paths[index], reason) for index, reason in skipped]

    def subset(self, indices: ArrayLike) -> Subset:
        """Some of the images as a data set, with their labels, classes and paths.

        Args:
            indices: [n] which images, in any order, from 0 (negative ones count from the end); or [len(self)] of bool.

        Raises:
            ValueError: there is no such image, or none is chosen.

        Examples:
            >>> photos.subset([3, 1]).labels
            array([1, 0])

        """
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise ValueError(
                    f"indices: shape is {list(chosen.shape)}, wanted one truth value an image, [{len(self)}]"
                )
            chosen = np.flatnonzero(chosen)
        numbers = _arrays.integers(chosen, "indices")
        return Subset(self, np.where(numbers < 0, numbers + len(self), numbers))

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        return _native.dataset_channels(self._handle)

    @property
    def _description(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(_native.dataset_description(self._handle))
        return description

    def crops(
        self,
        config: ModelConfig,
        indices: ArrayLike | None = None,
        *,
        training: TrainingConfig | None = None,
        epoch: int = 0,
    ) -> FloatArray:
        """Training crops, exactly as training sees them: cut at random, flipped, normalised.

        Args:
            config: of the model.
            indices: [n] which images; all if not given.
            training: its seed and crop options count; defaults if not given.
            epoch: zero-based.

        Returns:
            [n, crop height, crop width, channels] float32. NaN for images that are skipped because they cannot be read;
            training takes another in their place.

        Examples:
            >>> photos.crops(model.config, indices=range(4)).shape
            (4, 80, 80, 3)

        """
        chosen = self._indices(indices)
        crops = np.empty((len(chosen), *config.crop_size, config.channels), np.float32)
        options = (training or TrainingConfig.resolve()).to_json()
        _native.dataset_crops(self._handle, chosen, config.to_json(), options, epoch, crops)
        return crops

    def resized(
        self, size: int | Sequence[int], indices: ArrayLike | None = None, *, short_side: int | None = None
    ) -> FloatArray:
        """Images for evaluation: nothing random, not normalised.

        Args:
            size: (height, width) of the result, or one number for both.
            indices: [n] which images; all if not given.
            short_side: the image is brought to this short side, and the centre of `size` is cut out; if not given,
                the whole image is brought to `size`, whatever its ratio.

        Returns:
            [n, height, width, channels] float32 in 0 … 1. NaN for images that are skipped because they cannot be read.

        Examples:
            >>> photos[:3].resized(32).shape
            (3, 32, 32, 3)

        """
        chosen = self._indices(indices)
        images = np.empty((len(chosen), *_arrays.sides(size), self.channels), np.float32)
        _native.dataset_resized(self._handle, chosen, short_side or 0, images)
        return images

    def _indices(self, indices: ArrayLike | None) -> NDArray[np.int64]:
        if indices is None:
            return np.arange(len(self), dtype=np.int64)
        return _arrays.integers(indices, "indices")


class Subset(Dataset):
    """Some images of a data set: `dataset[100:200]` or `dataset.subset(indices)`.

    Attributes:
        base: the data set they are taken from.
        indices: [n] int64, which of its images they are.

    Examples:
        >>> len(photos[:8]), photos[4:12:2].labels
        (8, array([2, 3, 4, 5]))

    """

    def __init__(self, base: Dataset, indices: NDArray[np.int64]) -> None:
        self.base = base
        self.indices = indices
        self._handle = _native.dataset_subset(base._handle, indices)

    def __repr__(self) -> str:
        return f"Subset({len(self)} of {self.base!r})"


class Arrays(Dataset):
    """Images in memory. Contiguous arrays of uint8, uint16 and float32 are used where they lie and kept alive.

    Args:
        images: [N, H, W, C] or [N, H, W], uint8 in 0 … 255, uint16 in 0 … 65535 or float in 0 … 1.
        labels: [N], whole numbers from 0, or names.
        classes: the names of the classes in the order of their numbers; see `ImageList`.

    Raises:
        TypeError: pixels of another type.
        ValueError: another shape, labels that are not one for each image, negative labels.

    Examples:
        >>> data = lm.Arrays(np.zeros((5, 32, 32, 3), np.uint8), labels=[0, 1, 0, 1, 1])
        >>> len(data), data.channels
        (5, 3)

    """

    def __init__(
        self,
        images: ArrayLike,
        labels: Sequence[str] | ArrayLike | None = None,
        *,
        classes: Sequence[str] | None = None,
    ) -> None:
        given = _arrays.pixels(images)
        if given.ndim not in (3, 4):
            raise ValueError(f"images: shape is {list(given.shape)}, wanted [N, H, W, C] or [N, H, W]")
        self.images = given if given.ndim == 4 else given[..., np.newaxis]
        numbers, names = numbered(labels, classes)
        self._handle = _native.dataset_arrays(self.images, numbers, zero_ended(names, "classes"))

    def __repr__(self) -> str:
        count, height, width, channels = self.images.shape
        return f"Arrays({counted(count, 'image', form='')} of {height}×{width}×{channels}, {self.images.dtype})"
