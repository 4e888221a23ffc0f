"""How good the features are: the paper's nearest-neighbour score, and the same of raw pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data import ImageFolder, as_dataset
from latentmim.encoder import require_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder, Pooling

__all__ = ["NearestNeighbor", "features", "nearest_neighbor", "pixels_nearest_neighbor"]

# Images between two steps of the progress bar, and answers to Ctrl-C.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class NearestNeighbor:
    """A nearest-neighbour score: `print` shows it as a row of a table.

    Attributes:
        accuracy: share of images whose nearest other image is of the same class, 0 … 1.
        protocol: how it was measured.
        tap: where the features come from.
        count: how many images; those that a folder skipped are left out.
        images: [count] int64, their indices.
        neighbors: [count] int64, the index of the nearest other image of each.

    """

    accuracy: float
    protocol: str
    tap: str
    count: int
    images: NDArray[np.int64] = field(repr=False)
    neighbors: NDArray[np.int64] = field(repr=False)

    def __str__(self) -> str:
        return f"| {self.protocol} | {self.tap} | {self.count} images | {self.accuracy:6.1%} |"

    def __float__(self) -> float:
        return self.accuracy


def features(
    encoder: Encoder,
    dataset: Dataset | PathLike | ArrayLike,
    indices: Sequence[int] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    short_side: int | None = None,
    layer: int | None = None,
    norm: bool = False,
    projector: bool = False,
    pooling: Pooling = "mean",
    k: int = 10,
    progress: bool = True,
) -> FloatArray:
    """One vector for each image of a data set. The defaults are those of the paper's nearest-neighbour score.

    Args:
        encoder: whose features.
        dataset: a data set, the path of a folder, or an array of images.
        indices: which images; all if not given.
        size: (height, width) of what the encoder sees, or one number; the trained grid's if not given.
        short_side: images are brought to this short side, and the centre of `size` is cut out; 0: no cutting, the
            whole image is brought to `size`. If neither this nor `size` is given, size/.875.
        layer: behind which block, as in `Encoder.features`; the last if not given.
        norm: with the final norm.
        projector: through the projector.
        pooling: "mean" or "max" of the patches, the class token "cls", or "topk_mean".
        k: of "topk_mean".
        progress: whether a bar is shown.

    Returns:
        [count, C] float32.

    Raises:
        ValueError: a size that the patch size does not divide, no such image, layer or pooling.
        TypeError: `encoder` is none.

    """
    require_encoder(encoder)
    data = as_dataset(dataset)
    height, width = (None, None) if size is None else _arrays.sides(size)
    options = {"resize": short_side, "height": height, "width": width, "layer": encoder._layer(layer), "norm": norm,
               "projector": projector, "pooling": pooling, "k": k if pooling == "topk_mean" else None}  # fmt: skip
    text = to_json(options)

    def compute(part: NDArray[np.int64], place: FloatArray) -> None:
        _native.encoder_dataset_features(encoder._handle, data._handle, part, text, place)

    return _by_chunks(data._indices(indices), encoder.config.width, compute, "features", progress)


def nearest_neighbor(
    encoder: Encoder, dataset: Dataset | PathLike, *, progress: bool = True, **options: Any
) -> NearestNeighbor:
    """The paper's `nn` score: leave-one-out nearest neighbour by cosine.

    Args:
        encoder: whose features.
        dataset: with labels.
        progress: whether a bar is shown.
        options: how images become vectors, as in `features`. The defaults are the paper's: short side to the trained
            size / .875, centre crop, mean of the patch tokens before the final norm.

    Raises:
        ValueError: the data set has no labels, or fewer than two images.

    """
    data = as_dataset(dataset)
    labels = _labels(data)
    # Of all images, in their order: `indices` among the options is refused.
    found = features(encoder, data, None, progress=progress, **options)
    return _score(data, found, labels, _framing(options), _tap(encoder, options))


def pixels_nearest_neighbor(
    dataset: Dataset | PathLike,
    size: int | tuple[int, int] = 64,
    *,
    short_side: int | None = None,
    progress: bool = True,
) -> NearestNeighbor:
    """The same score of the pixels themselves, the least that features should beat.

    Args:
        dataset: with labels.
        size: (height, width) that images are brought to, or one number.
        short_side: as in `Dataset.resized`.
        progress: whether a bar is shown.

    """
    data = as_dataset(dataset)
    labels = _labels(data)
    height, width = _arrays.sides(size)

    def compute(part: NDArray[np.int64], place: FloatArray) -> None:
        place[:] = data.resized((height, width), part, short_side=short_side).reshape(len(part), -1)

    vectors = _by_chunks(data._indices(None), height * width * data.channels, compute, "pixels", progress)
    return _score(data, vectors, labels, f"nn, {height}×{width}", "raw pixels")


def _by_chunks(
    indices: NDArray[np.int64],
    width: int,
    compute: Callable[[NDArray[np.int64], FloatArray], None],
    name: str,
    progress: bool,
) -> FloatArray:
    """Rows computed a few at a time."""
    from tqdm.auto import tqdm

    rows = np.empty((len(indices), width), np.float32)
    with tqdm(total=len(indices), desc=name, unit="image", disable=not progress, leave=False) as bar:
        for first in range(0, len(indices), CHUNK):
            part = indices[first : first + CHUNK]
            compute(part, rows[first : first + CHUNK])
            bar.update(len(part))
    return rows


def _labels(data: Dataset) -> NDArray[np.int64]:
    labels = data.labels
    if labels is None:
        raise ValueError(f"{data!r} has no labels: files in sub-folders have, and Arrays(images, labels)")
    return labels


def _score(data: Dataset, vectors: FloatArray, labels: NDArray[np.int64], protocol: str, tap: str) -> NearestNeighbor:
    scored = _readable(data)
    neighbors = np.empty(len(scored), np.int64)
    accuracy = _native.nearest_neighbor(vectors[scored], labels[scored], neighbors)
    return NearestNeighbor(accuracy, protocol, tap, len(scored), scored, scored[neighbors])


def _readable(data: Dataset) -> NDArray[np.int64]:
    """The images that were read. In the place of a skipped one stands another, which must not be scored twice."""
    if not isinstance(data, ImageFolder):
        return data._indices(None)
    skipped = {path for path, _ in data.skipped}
    return np.array([index for index, path in enumerate(data.paths) if path not in skipped], np.int64)


def _framing(options: dict[str, Any]) -> str:
    framing = [f"{name} {options[name]}" for name in ("size", "short_side") if options.get(name) is not None]
    return ", ".join(["nn", *framing])


def _tap(encoder: Encoder, options: dict[str, Any]) -> str:
    number = encoder._layer(options.get("layer"))
    layer = "last block" if number == encoder.config.depth else f"block {number}"
    norm = "projector" if options.get("projector") else "after norm" if options.get("norm") else "before norm"
    return f"{layer}, {norm}, {options.get('pooling', 'mean')}"
