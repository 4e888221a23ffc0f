"""What a data set's pixels are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latentmim import _latentmim as _native
from latentmim.data.opening import as_dataset

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.data.datasets import Dataset

__all__ = ["ChannelStatistics", "channel_statistics"]


# Images between two steps of the progress bar, and answers to Ctrl-C.
CHUNK = 64


class ChannelStatistics(NamedTuple):
    """`mean` and `std`, a number for each channel: what models take under these names.

    Examples:
        >>> found = lm.data.channel_statistics(photos[:4], progress=False)
        >>> lm.ModelConfig.resolve(mean=found.mean, std=found.std).mean == found.mean
        True

    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


def channel_statistics(
    data: Dataset | PathLike | ArrayLike, *, channels: int = 3, progress: bool = True
) -> ChannelStatistics:
    """Mean and standard deviation of each channel, over every pixel of every image at its full size.

    Integers are added exactly and images in float64, so that no number of images is too large.

    Args:
        data: a data set, the path of a folder or a packed file, or an array of images.
        channels: of the images of a path.
        progress: whether a bar is shown.

    Returns:
        (mean, std), each [channels], of values in 0 … 1: for `mean=` and `std=` of models. Images that are skipped
        because they cannot be read do not count.

    Raises:
        OSError, ValueError: an image cannot be read.

    Examples:
        >>> statistics = lm.data.channel_statistics(photos[:4], progress=False)
        >>> [round(value, 2) for value in statistics.mean]
        [0.48, 0.41, 0.24]

    """
    from tqdm.auto import tqdm

    images = as_dataset(data, channels)
    pixels, totals, indices = 0, np.zeros((2, images.channels)), images._indices(None)
    with tqdm(total=len(indices), desc="statistics", unit="image", disable=not progress) as bar:
        for first in range(0, len(indices), CHUNK):
            part, sums = indices[first : first + CHUNK], np.empty((2, images.channels))
            pixels += _native.dataset_sums(images._handle, part, sums[0], sums[1])
            totals += sums
            bar.update(len(part))
    if pixels == 0:
        raise ValueError(f"channel_statistics: no image of {images!r} can be read")
    mean, square = totals / pixels
    std = np.sqrt(np.maximum(square - mean**2, 0))
    return ChannelStatistics(tuple(map(float, mean)), tuple(map(float, std)))
