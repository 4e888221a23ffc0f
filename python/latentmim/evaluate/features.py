"""Feature vectors of whole data sets, and where they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from latentmim import _arrays, _rows
from latentmim.config import to_json
from latentmim.data import as_dataset
from latentmim.encoder import Part, require_encoder

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.config import Precision
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder

__all__ = ["FeatureOptions", "Features", "ImageOptions", "features"]

VectorPooling = Literal["mean", "cls", "max", "topk_mean", "patches", "tokens"]


class ImageOptions(TypedDict, total=False):
    """How images are framed and their tokens pooled; what is not given is the protocol's own.

    `size`, `short_side`, `pooling` and `pooling_k` as in `features`.

    Examples:
        >>> from latentmim.evaluate.features import ImageOptions
        >>> options: ImageOptions = {"size": 64}
        >>> lm.evaluate.features(encoder, photos, progress=False, **options).shape
        (28, 48)

    """

    size: int | tuple[int, int]
    short_side: int
    pooling: VectorPooling
    pooling_k: int


class FeatureOptions(ImageOptions, total=False):
    """How images become vectors; what is not given is the protocol's own. All as in `features`.

    Examples:
        >>> from latentmim.evaluate.features import FeatureOptions
        >>> options: FeatureOptions = {"pooling": "cls", "layer": 1}
        >>> lm.evaluate.features(encoder, photos, progress=False, **options).shape
        (28, 48)

    """

    layer: int | Sequence[int]
    part: Part
    stride: int
    norm: bool
    projector: bool
    precision: Precision
    extend_positions: bool


@dataclass(frozen=True, eq=False)
class Features:
    """Vectors from anywhere, to be scored like an encoder's.

    Attributes:
        vectors: [N, C] float.
        labels: [N], whole numbers from 0.
        tap: what results say of where they come from.

    Examples:
        >>> vectors = np.eye(28, dtype=np.float32)
        >>> given = lm.evaluate.Features(vectors, photos.labels)
        >>> lm.evaluate.knn(None, given, given, k=1, progress=False).accuracy
        1.0

    """

    vectors: ArrayLike = field(repr=False)
    labels: ArrayLike = field(repr=False)
    tap: str = "given features"

    def _pair(self) -> tuple[FloatArray, NDArray[np.int64]]:
        return _arrays.floats(self.vectors, "vectors"), _arrays.integers(self.labels, "labels")


def feature_options(encoder: Encoder, **options: Any) -> str:
    """The options as the core reads them; None is not given."""
    if options.get("size") is not None:
        options["size"] = list(_arrays.sides(options["size"]))
    if options.get("layer") is not None:
        options["layer"] = encoder._layers(options["layer"])[0]
    return to_json(options)


def features(
    encoder: Encoder,
    dataset: Dataset | PathLike | ArrayLike,
    indices: Sequence[int] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    short_side: int | None = None,
    layer: int | Sequence[int] | None = None,
    part: Part | None = None,
    stride: int | None = None,
    norm: bool | None = None,
    projector: bool | None = None,
    pooling: VectorPooling | None = None,
    pooling_k: int | None = None,
    precision: Precision | None = None,
    extend_positions: bool | None = None,
    out: PathLike | None = None,
    progress: bool = True,
) -> FloatArray:
    """One vector for each image of a data set, in its order.

    The defaults are those of the paper's nearest-neighbour score. An image that the data set skips because it cannot be
    read has a row of NaN, and a warning names it.

    Args:
        encoder: whose features.
        dataset: a data set, the path of a folder, or an array of images.
        indices: which images; all if not given.
        size: (height, width) of what the encoder sees, or one number; the trained grid's if not given.
        short_side: images are brought to this short side, and the centre of `size` is cut out; 0: no cutting, the
            whole image is brought to `size`. If neither this nor `size` is given, size/.875.
        layer: behind which block, as in `Encoder.features`; the last if not given. Vectors of several lie one
            behind the other.
        part: "tokens" if not given, "queries", "keys" or "values" of the block's attention.
        stride: pixels from a patch to the next, as in `Encoder.features`; the patch size if not given.
        norm: with the final norm.
        projector: through the projector.
        pooling: "mean" (if not given) or "max" of the patches, the class token "cls", or "topk_mean". "patches" leaves
            a vector for each patch, "tokens" puts the class token before them, where there is one.
        pooling_k: of "topk_mean"; 10 if not given.
        precision: what the operands of products are rounded to: "float32" if not given, "bf16",
            "int8" or "auto".
        extend_positions: larger images reach further than the trained grid, instead of spanning its range.
        out: an .npy file that the vectors are written to as they are computed, whole or not at all: more may fit there
            than into memory. What is returned is read from it. `latentmim.embed`
            writes paths and labels besides, in other formats too, and goes on where it was stopped.
        progress: whether a bar is shown.

    Returns:
        [count, C] float32; [count, N, C] for "patches", [count, N + 1, C] for "tokens". For a list of layers [count,
        layers · C], [count, layers, N, C] and [count, layers, N + 1, C].

    Raises:
        ValueError: a size that the patch size does not divide, no such image, layer or pooling.
        TypeError: `encoder` is none.
        OSError: `out` cannot be written.

    Examples:
        >>> lm.evaluate.features(encoder, photos, progress=False).shape
        (28, 48)

    """
    require_encoder(encoder)
    data = as_dataset(dataset, encoder.config.channels)
    text = feature_options(
        encoder, size=size, short_side=short_side, layer=layer, part=part, stride=stride, norm=norm,
        projector=projector, pooling=pooling, pooling_k=pooling_k, precision=precision,
        extend_positions=extend_positions,
    )  # fmt: skip
    is_dense, layers = (
        pooling in ("patches", "tokens"),
        len(layer) if isinstance(layer, Sequence | np.ndarray) else None,
    )
    return _rows.features(
        encoder, data, data._indices(indices), text, is_dense, layers=layers, out=out, progress=progress
    )
