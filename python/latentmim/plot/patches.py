"""The patches of an image: where they lie, how alike they are."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import Dataset, ImageFolder, load_image
from latentmim.encoder import Encoder, require_encoder
from latentmim.names import refuse_unknown
from latentmim.plot.canvas import displayed
from latentmim.plot.grids import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray

__all__ = ["Patches", "grid_of", "image_list", "patches"]


@dataclass(frozen=True, eq=False)
class Patches:
    """An image and one vector for each of its patches.

    Attributes:
        image: [H, W, C] as it is drawn.
        grid: where the patches lie.
        vectors: [rows, columns, C] float32, of length 1.

    Examples:
        >>> from latentmim.plot.patches import patches
        >>> patches("mine", encoder, image, "auto", {}).grid.shape
        (40, 40)

    """

    image: NDArray[Any]
    grid: Grid
    vectors: FloatArray

    @property
    def flat(self) -> FloatArray:
        """[N, C], row by row."""
        return self.vectors.reshape(-1, self.vectors.shape[2])


def patches(function: str, encoder: Encoder, image: ArrayLike, size: Any, options: dict[str, Any]) -> Patches:
    """Features of an image's patches, of length 1.

    Args:
        function: as the user calls it, for messages.
        encoder: whose features.
        image: [H, W, C].
        size: what features are computed at, as `resize` of `Encoder.features`.
        options: the others of `Encoder.features`.

    Raises:
        TypeError: no encoder, other pixels.
        ValueError: unknown options, another shape, several layers.

    Examples:
        >>> from latentmim.plot.patches import patches
        >>> patches("mine", encoder, image, "auto", {}).vectors.shape
        (40, 40, 48)

    """
    require_encoder(encoder)
    known = inspect.signature(Encoder.features).parameters.keys() - {"self", "images", "class_token", "resize"}
    refuse_unknown(function, options, sorted(known))
    picture = displayed(image, function)
    tokens = np.ascontiguousarray(encoder.features(image, resize=size, **options))
    if tokens.ndim != 2:
        raise ValueError(f"{function}: layer is {options.get('layer')}, wanted one")
    _native.normalize_rows(tokens)
    grid = grid_of(encoder, picture, size, options)
    return Patches(picture, grid, tokens.reshape(*grid.shape, -1))


def grid_of(encoder: Encoder, image: NDArray[Any], size: Any, options: dict[str, Any]) -> Grid:
    """Where the patches of an image [H, W, C] lie when an encoder computes at a size, with these options.

    Examples:
        >>> from latentmim.plot.patches import grid_of
        >>> grid_of(encoder, image, "auto", {}).shape
        (40, 40)

    """
    stride, patch = options.get("stride"), encoder.config.patch_size
    shape = encoder.grid(image, resize=size, stride=stride)
    return Grid(image.shape[:2], shape, patch, patch if stride is None else stride)


def image_list(images: Any, function: str, name: str = "images") -> Dataset | Sequence[Any]:
    """Images one by one: of one [H, W, C], an array [B, H, W, C], a sequence, a data set, or the path of a folder or of
    one image. Raises ValueError where there is none.

    Examples:
        >>> from latentmim.plot.patches import image_list
        >>> len(image_list([image, image], "mine"))
        2

    """
    if isinstance(images, str | os.PathLike):
        path = _arrays.path(images)
        images = ImageFolder(path) if os.path.isdir(path) else [load_image(path)]
    if isinstance(images, np.ndarray) and images.ndim == 3:
        images = [images]
    listed: Dataset | Sequence[Any] = images if isinstance(images, Dataset) else list(images)
    if not len(listed):
        raise ValueError(f"{function}: {name} holds no image, wanted at least one")
    return listed
