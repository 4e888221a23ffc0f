"""Data sets from what stands for one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data.datasets import Arrays, Dataset, Subset
from latentmim.data.files import ImageFolder, OnError, Packed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike

__all__ = ["as_dataset", "few_shot"]


def as_dataset(data: Dataset | PathLike | ArrayLike, channels: int = 3, on_error: OnError = "raise") -> Dataset:
    """A data set from what stands for one: an array, a folder or a packed file, whose images get so many channels.

    Examples:
        >>> len(lm.data.as_dataset("photos")), len(lm.data.as_dataset(np.zeros((5, 32, 32, 3), np.uint8)))
        (28, 5)

    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        kind = Packed if is_packed(_arrays.path(data)) else ImageFolder
        return kind(data, on_error, channels=channels)
    return Arrays(data)


def is_packed(path: str) -> bool:
    """Whether a file is one that `pack` wrote, by how it begins."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def few_shot(data: Dataset, shots: int, seed: int = 0) -> Subset:
    """Some images of every class: those that the protocol `few_shot` of `evaluate` draws with this seed.

    Args:
        data: a data set with labels.
        shots: images of each class.
        seed: which; the same on every machine.

    Returns:
        The drawn images, class by class.

    Raises:
        ValueError: a class has fewer images, or there are no labels.

    Examples:
        >>> len(lm.data.few_shot(photos, shots=1))
        14

    """
    labels = data.labels
    count = _arrays.whole(shots, "shots")
    if not 1 <= count <= len(data):
        raise ValueError(f"shots: is {count}, wanted 1 … {len(data)}, the images there are")
    indices = np.empty(count * (0 if labels is None else len(np.unique(labels))), np.int64)
    _native.dataset_few_shot(data._handle, count, seed, indices)
    return Subset(data, indices)
