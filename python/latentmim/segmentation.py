"""An image falls into segments: agglomerative clustering of its patches' features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.encoder import require_encoder

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import IntArray
    from latentmim.config import Precision
    from latentmim.encoder import Encoder

__all__ = ["Segments", "segment"]

Linkage = Literal["ward", "average", "complete", "single"]
Upsampling = Literal["nearest", "bilinear"]


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of an image. Stands for its `labels` where an array is wanted.

    Attributes:
        labels: [H, W] int32, the segment of each pixel, numbered from 0 in the order patches show them, row by row.
        patch_labels: [rows, columns] int32, the segment of each patch.
        tree: [N − 1, 4] float64, the merges of the N patches in their order, as SciPy's linkage: the two clusters
            merged (N + i is what merge i made), their distance, patches in the new one.

    """

    labels: IntArray
    patch_labels: IntArray
    tree: NDArray[np.float64] = field(repr=False)
    _upsampling: Upsampling = field(repr=False)

    @property
    def count(self) -> int:
        """How many segments there are."""
        return int(self.patch_labels.max()) + 1

    def cut(self, segments: int | None = None, *, distance: float | None = None) -> Segments:
        """The same tree cut elsewhere.

        Args:
            segments: into so many, 1 … N.
            distance: or where clusters are farther apart than this.

        """
        if (segments is None) == (distance is None):
            raise ValueError(f"cut: segments is {segments}, distance {distance}; wanted one of the two")
        patches = np.empty(self.patch_labels.size, np.int32)
        if segments is not None:
            _native.cut(self.tree, segments, patches)
        elif distance is not None:
            _native.cut_at(self.tree, distance, patches)
        grid = patches.reshape(self.patch_labels.shape)
        return Segments(_upsample(grid, self.labels.shape, self._upsampling), grid, self.tree, self._upsampling)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.labels, dtype, copy=copy) if copy else np.asarray(self.labels, dtype)

    def __repr__(self) -> str:
        (height, width), (rows, columns) = self.labels.shape, self.patch_labels.shape
        return f"Segments({self.count} segments, {rows}×{columns} patches, {height}×{width} pixels)"


def segment(
    encoder: Encoder,
    image: ArrayLike,
    segments: int = 6,
    *,
    linkage: Linkage = "ward",
    connectivity: bool = False,
    layer: int | None = None,
    norm: bool = True,
    size: Literal["nearest"] | int | tuple[int, int] = "nearest",
    upsample: Upsampling = "nearest",
    precision: Precision = "float32",
) -> Segments:
    """Divide an image into segments that its features tell apart.

    Args:
        encoder: whose features.
        image: [H, W, C], uint8 in 0 … 255 or float in 0 … 1, of any size.
        segments: how many, 1 … number of patches.
        linkage: "ward", "average", "complete" or "single".
        connectivity: merge neighbouring patches only, so that segments hang together.
        layer: behind which block features are taken, as in `Encoder.features`; the last if not given.
        norm: with the final norm.
        size: what features are computed at: the "nearest" that the patch size divides, or (height, width), or one
            number. Larger gives finer segments.
        upsample: patches become pixels: "nearest", or "bilinear" for smooth borders.
        precision: what the operands of products are rounded to, as in `Encoder.features`.

    Raises:
        ValueError: more segments than patches, NaN, another number of channels.
        TypeError: `encoder` is none, pixels neither uint8 nor float.

    """
    require_encoder(encoder)
    pixels, is_single = _arrays.batch(image, "image")
    if not is_single:
        raise ValueError(f"image: shape is {list(pixels.shape)}, wanted one image [H, W, C]")
    resized = encoder._resized(pixels, size)
    rows, columns = encoder.grid(resized)
    tokens = np.ascontiguousarray(encoder.features(resized[0], layer=layer, norm=norm, precision=precision))
    _native.normalize_rows(tokens)
    grid = (rows, columns) if connectivity else (0, 0)
    merges = np.empty((len(tokens) - 1, 4))
    _native.agglomerate(tokens, linkage, *grid, merges)
    whole = Segments(np.zeros(pixels.shape[1:3], np.int32), np.zeros((rows, columns), np.int32), merges, upsample)
    return whole.cut(segments)


def _upsample(labels: IntArray, size: tuple[int, ...], method: Upsampling) -> IntArray:
    upsampled = np.empty(size, np.int32)
    _native.upsample_labels(np.ascontiguousarray(labels), method, upsampled)
    return upsampled
