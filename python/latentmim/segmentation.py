"""An image falls into segments: agglomerative clustering of its patches' features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import resize as resize_images
from latentmim.encoder import require_encoder
from latentmim.names import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, IntArray
    from latentmim.config import Precision
    from latentmim.encoder import Encoder

__all__ = ["JointSegments", "Segments", "segment"]

Linkage = Literal["ward", "average", "complete", "single"]
Upsampling = Literal["bilinear", "nearest"]
Size = Literal["auto", "nearest"] | int | tuple[int, int]
PLAIN_VARIANCE = 1e-3
"""Of a window, in pixel values of 0 … 1 squared: below it refinement sees no edge."""
MOST_PATCHES = 8192


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of an image. Stands for its `labels` where an array is wanted.

    Attributes:
        labels: [H, W] int32, the segment of each pixel, numbered from 0 in the order patches show them, row by row.
        patch_labels: [rows, columns] int32, the segment of each patch.
        tree: [N − 1, 4] float64, the merges of the N patches in their order, as SciPy's linkage: the two clusters
            merged (N + i is what merge i made), their distance, patches in the new one. Of images that were clustered
            together, one tree of the patches of all.
        count: how many segments there are, in all images that were clustered together.

    Examples:
        >>> lm.segment(encoder, image, segments=4).cut(2).count
        2

    """

    labels: IntArray
    patch_labels: IntArray
    tree: NDArray[np.float64] = field(repr=False)
    count: int
    _clustered: _Clustered = field(repr=False)
    _index: int = field(repr=False, default=0)

    def cut(self, segments: int | None = None, *, distance: float | None = None) -> Segments:
        """The same tree cut elsewhere.

        Args:
            segments: into so many, 1 … N: the first N − `segments` merges are done.
            distance: or where clusters are farther apart than this. With `connectivity` a merge can be cheaper than
                one under it; it is then done where the highest of those lies at or below the distance, as SciPy's
                `fcluster` does it.

        Examples:
            >>> found = lm.segment(encoder, image, segments=4)
            >>> int(found.cut(3).labels.max())
            2

        """
        return self._clustered.cut(segments, distance)[self._index]

    def levels(self, segments: Sequence[int]) -> list[Segments]:
        """The same tree cut at several depths, with labels that go on from one to the other.

        Where a segment falls in two, the part with more patches keeps its label and the other gets the next: a label
        then means the same at every depth, but for what was split off. Labels depend on tree and depth alone.

        Args:
            segments: how many there are at each depth, 1 … N.

        Examples:
            >>> found = lm.segment(encoder, image, segments=4)
            >>> [level.count for level in found.levels([2, 5])]
            [2, 5]

        """
        return [level[self._index] for level in self._clustered.levels(segments)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.labels, dtype, copy=copy) if copy else np.asarray(self.labels, dtype)

    def __repr__(self) -> str:
        (height, width), (rows, columns) = self.labels.shape, self.patch_labels.shape
        return f"Segments({counted(self.count, 'segment')}, {rows}×{columns} patches, {height}×{width} pixels)"


class JointSegments:
    """The segments of images that were clustered together: of each its `Segments`; a label means the same in all.

    Examples:
        >>> together = lm.segment(encoder, [image, lm.resize(photos[2], 160)], segments=4)
        >>> [found.labels.shape for found in together]
        [(160, 160), (160, 160)]

    """

    def __init__(self, clustered: _Clustered, images: list[Segments]) -> None:
        self._clustered, self._images = clustered, images
        self.tree = images[0].tree
        self.count = images[0].count

    tree: NDArray[np.float64]
    """[N − 1, 4] float64, the merges of the patches of all images, as in `Segments`."""
    count: int
    """How many segments there are."""

    def cut(self, segments: int | None = None, *, distance: float | None = None) -> JointSegments:
        """The same tree cut elsewhere, as `Segments.cut` says.

        Examples:
            >>> together = lm.segment(encoder, [image, lm.resize(photos[2], 160)], segments=4)
            >>> together.cut(2)[0].count
            2

        """
        return JointSegments(self._clustered, self._clustered.cut(segments, distance))

    def levels(self, segments: Sequence[int]) -> list[JointSegments]:
        """The same tree cut at several depths, as `Segments.levels` says.

        Examples:
            >>> together = lm.segment(encoder, [image, lm.resize(photos[2], 160)], segments=4)
            >>> len(together.levels([2, 5]))
            2

        """
        return [JointSegments(self._clustered, level) for level in self._clustered.levels(segments)]

    def __getitem__(self, index: int) -> Segments:
        return self._images[index]

    def __iter__(self) -> Iterator[Segments]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        return f"JointSegments({counted(self.count, 'segment')} of {counted(len(self), 'image')})"


class _Options(TypedDict, total=False):
    linkage: Linkage
    connectivity: bool
    layer: int | None
    norm: bool
    size: Size
    upsample: Upsampling
    refine: bool
    precision: Precision


@overload
def segment(
    encoder: Encoder, image: list[Any] | tuple[Any, ...], segments: int = 6, **options: Unpack[_Options]
) -> JointSegments: ...
@overload
def segment(encoder: Encoder, image: ArrayLike, segments: int = 6, **options: Unpack[_Options]) -> Segments: ...
def segment(
    encoder: Encoder,
    image: ArrayLike | Sequence[ArrayLike],
    segments: int = 6,
    *,
    linkage: Linkage = "ward",
    connectivity: bool = False,
    layer: int | None = None,
    norm: bool = True,
    size: Size = "auto",
    upsample: Upsampling = "bilinear",
    refine: bool = False,
    precision: Precision = "float32",
) -> Segments | JointSegments:
    """Divide an image into segments that its features tell apart, or several images into the same segments.

    Clustering keeps the distance of each patch to each: 8·N² bytes of memory, 0.5 GB for 8192 patches; with
    `connectivity` a few hundred bytes and the features, twice, of each.

    Args:
        encoder: whose features.
        image: [H, W, C], uint8 in 0 … 255 or float in 0 … 1, of any size; or a list of such images, which are
            clustered together.
        segments: how many, 1 … number of patches.
        linkage: "ward", "average", "complete" or "single".
        connectivity: merge neighbouring patches only, so that segments hang together; of one image.
        layer: behind which block features are taken, as in `Encoder.features`; the last if not given.
        norm: with the final norm.
        size: what features are computed at. "auto": 48 patches on the short side, whatever the image's size; fewer
            where a patch would cover less than 4×4 of its pixels and the image itself has no more, and where all
            patches of all images were more than 8192. "nearest": the image's own size, brought to the nearest that the
            patch size divides. Or (height, width), or one number. Larger gives finer segments.
        upsample: patches become pixels: "bilinear", each pixel gets the label whose mean is nearest to the features
            interpolated there, of those of the four patches around it (at a patch's centre its own); or "nearest", that
            of its patch.
        refine: bring borders to the image's edges, by a guided filter whose windows reach a patch far.
        precision: what the operands of products are rounded to, as in `Encoder.features`.

    Returns:
        `Segments` of one image, `JointSegments` of several.

    Raises:
        ValueError: more segments than patches, NaN, another number of channels, no image, connectivity of several.
        TypeError: `encoder` is none, pixels neither uint8 nor float.
        MemoryError: the distances of all patches do not fit; it says what they take.

    Examples:
        >>> found = lm.segment(encoder, image, segments=4)
        >>> found.labels.shape, found.count
        ((160, 160), 4)

    """
    require_encoder(encoder)
    if upsample not in ("bilinear", "nearest"):
        raise ValueError(f"upsample: is '{upsample}', wanted 'bilinear' or 'nearest'")
    images, is_single = _images(image)
    if connectivity and not is_single:
        raise ValueError(f"connectivity: {len(images)} images do not touch; wanted one image, or connectivity=False")
    pictures = []
    for pixels in images:
        resized = _resized(encoder, pixels, size, MOST_PATCHES // len(images))
        rows, columns = encoder.grid(resized)
        tokens = np.ascontiguousarray(encoder.features(resized[0], layer=layer, norm=norm, precision=precision))
        _native.normalize_rows(tokens)
        pictures.append(_Picture(pixels, tokens.reshape(rows, columns, -1)))
    rows, columns = pictures[0].features.shape[:2] if connectivity else (0, 0)
    features = np.concatenate([picture.rows for picture in pictures])
    merges = np.empty((len(features) - 1, 4))
    _native.agglomerate(features, linkage, rows, columns, merges)
    clustered = _Clustered(pictures, merges, upsample, refine)
    found = clustered.cut(segments, None)
    return found[0] if is_single else JointSegments(clustered, found)


def _images(image: ArrayLike | Sequence[ArrayLike]) -> tuple[list[NDArray[Any]], bool]:
    """Images [1, H, W, C] each, and whether one was given."""
    if not isinstance(image, list | tuple):
        return [_one(image, "image")], True
    if not image:
        raise ValueError("image: is an empty list, wanted an image or several")
    return [_one(one, f"image {number}") for number, one in enumerate(image)], False


def _one(image: Any, name: str) -> NDArray[Any]:
    pixels, is_single = _arrays.batch(image, name)
    if not is_single:
        raise ValueError(f"{name}: shape is {list(pixels.shape)}, wanted one image [H, W, C]")
    return pixels


def _resized(encoder: Encoder, pixels: NDArray[Any], size: Size, most: int) -> NDArray[Any]:
    if size != "auto":
        return encoder._resized(pixels, size)
    side = encoder.config.patch_size
    height, width = pixels.shape[1:3]
    rows, columns = _native.working_grid(height, width, side, max(most, 1))
    return encoder._resized(pixels, (rows * side, columns * side))


@dataclass(frozen=True, eq=False)
class _Picture:
    """An image [1, H, W, C] and its features [rows, columns, channels], of length 1."""

    pixels: NDArray[Any]
    features: FloatArray

    @property
    def rows(self) -> FloatArray:
        return self.features.reshape(-1, self.features.shape[2])

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.pixels.shape[1:3]
        return height, width


@dataclass(frozen=True, eq=False)
class _Clustered:
    """Images, the tree of their patches, and how labels become those of pixels."""

    pictures: list[_Picture]
    tree: NDArray[np.float64]
    upsample: Upsampling
    refine: bool

    def cut(self, segments: int | None, distance: float | None) -> list[Segments]:
        if (segments is None) == (distance is None):
            raise ValueError(f"cut: segments is {segments}, distance {distance}; wanted one of the two")
        labels = np.empty(len(self.tree) + 1, np.int32)
        if segments is not None:
            _native.cut(self.tree, segments, labels)
        elif distance is not None:
            _native.cut_at(self.tree, distance, labels)
        return self._segments(labels)

    def levels(self, segments: Sequence[int]) -> list[list[Segments]]:
        depths = np.array([_arrays.whole(depth, "segments") for depth in segments], np.int64)
        labels = np.empty((len(depths), len(self.tree) + 1), np.int32)
        _native.cut_levels(self.tree, depths, labels)
        return [self._segments(level) for level in labels]

    def _segments(self, labels: IntArray) -> list[Segments]:
        """Of each image, from the labels [N] of the patches of all."""
        count = int(labels.max()) + 1
        features = np.concatenate([picture.rows for picture in self.pictures])
        means = np.empty((count, features.shape[1]), np.float32)
        _native.segment_means(features, labels, means)
        ends = np.cumsum([len(picture.rows) for picture in self.pictures])
        found = []
        for index, (picture, end) in enumerate(zip(self.pictures, ends, strict=True)):
            grid = labels[end - len(picture.rows) : end].reshape(picture.features.shape[:2])
            pixels = self._pixels(picture, grid, means)
            found.append(Segments(pixels, grid, self.tree, count, self, index))
        return found

    def _pixels(self, picture: _Picture, grid: IntArray, means: FloatArray) -> IntArray:
        labels = np.empty(picture.size, np.int32)
        if self.upsample == "nearest":
            _native.upsample_labels(grid, "nearest", labels)
        else:
            _native.upsample_features(grid, picture.features, means, labels)
        if not self.refine:
            return labels
        radius = max(1, round(picture.size[0] / len(grid)))
        refined = np.empty_like(labels)
        guide = np.ascontiguousarray(resize_images(picture.pixels, picture.size)[0])
        _native.refine_labels(labels, guide, radius, PLAIN_VARIANCE, refined)
        return refined
