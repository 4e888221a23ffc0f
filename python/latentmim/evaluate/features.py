"""Feature vectors of whole data sets, and where they are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data import as_dataset
from latentmim.encoder import require_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder, Pooling

__all__ = ["FeatureOptions", "Features", "features"]

# Images between two steps of the progress bar, and answers to Ctrl-C.
CHUNK = 64


class FeatureOptions(TypedDict, total=False):
    """How images become vectors; what is not given is the protocol's own.

    `size`, `short_side`, `layer`, `norm`, `projector` and `pooling` as in `features`; `pooling_k`: k of "topk_mean".
    """

    size: int | tuple[int, int]
    short_side: int
    layer: int
    norm: bool
    projector: bool
    pooling: Pooling
    pooling_k: int


@dataclass(frozen=True, eq=False)
class Features:
    """Vectors from anywhere, to be scored like an encoder's.

    Attributes:
        vectors: [N, C] float.
        labels: [N], whole numbers from 0.
        tap: what results say of where they come from.

    """

    vectors: ArrayLike = field(repr=False)
    labels: ArrayLike = field(repr=False)
    tap: str = "given features"

    def _pair(self) -> tuple[FloatArray, NDArray[np.int64]]:
        return _arrays.floats(self.vectors, "vectors"), _arrays.integers(self.labels, "labels")


def feature_options(
    encoder: Encoder,
    *,
    size: int | tuple[int, int] | None = None,
    short_side: int | None = None,
    layer: int | None = None,
    norm: bool | None = None,
    projector: bool | None = None,
    pooling: Pooling | None = None,
    pooling_k: int | None = None,
) -> str:
    """The options as the core reads them."""
    height, width = (None, None) if size is None else _arrays.sides(size)
    number = None if layer is None else encoder._layer(layer)
    return to_json(
        {"resize": short_side, "height": height, "width": width, "layer": number, "norm": norm, "projector": projector,
         "pooling": pooling, "k": pooling_k if pooling == "topk_mean" else None}
    )  # fmt: skip


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
    text = feature_options(
        encoder, size=size, short_side=short_side, layer=layer, norm=norm, projector=projector, pooling=pooling,
        pooling_k=k,
    )  # fmt: skip

    def compute(part: NDArray[np.int64], place: FloatArray) -> None:
        _native.encoder_dataset_features(encoder._handle, data._handle, part, text, place)

    return by_chunks(data._indices(indices), encoder.config.width, compute, "features", progress)


def by_chunks(
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
