"""The patches of an image: where they lie, how alike they are."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data import Dataset, ImageFolder, load_image
from latentmim.encoder import Encoder, require_encoder
from latentmim.names import refuse_unknown
from latentmim.plot.canvas import INK, YELLOW, displayed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray

__all__ = ["Patches", "image_list", "mark", "patches", "place", "read_query", "spread_out"]


@dataclass(frozen=True, eq=False)
class Patches:
    """An image and one vector for each of its patches.

    Attributes:
        image: [H, W, C] as it is drawn.
        vectors: [rows, columns, C] float32, of length 1.

    """

    image: NDArray[Any]
    vectors: FloatArray

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.vectors.shape[:2]

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
        ValueError: unknown options, another shape.

    """
    require_encoder(encoder)
    known = inspect.signature(Encoder.features).parameters.keys() - {"self", "images", "class_token", "resize"}
    refuse_unknown(function, options, sorted(known))
    picture = displayed(image, function)
    resized = encoder._resized(np.asarray(image)[np.newaxis], size)
    tokens = np.ascontiguousarray(encoder.features(resized[0], **options))
    _native.normalize_rows(tokens)
    stride = {"stride": options["stride"]} if "stride" in options else {}
    return Patches(picture, tokens.reshape(*encoder.grid(resized, **stride), -1))


def place(query: tuple[int, int], image: NDArray[Any], grid: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the patch that a pixel (x, y) of an image [H, W, C] lies in."""
    height, width = image.shape[:2]
    return int(query[1]) * grid[0] // height, int(query[0]) * grid[1] // width


def spread_out(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """[H, W, …] of values [rows, columns, …]: every pixel has its patch's."""
    rows, columns = (np.arange(size[i]) * values.shape[i] // size[i] for i in (0, 1))
    return values[np.ix_(rows, columns)]


def read_query(query: Any, image: NDArray[Any], function: str, name: str = "query") -> tuple[int, int]:
    """A pixel (x, y), checked against an image [H, W, C]. Raises TypeError, ValueError."""
    height, width = image.shape[:2]
    pair = list(query) if hasattr(query, "__len__") else []
    if len(pair) != 2 or not all(isinstance(part, Real) for part in pair):
        raise TypeError(f"{function}: {name} is {query!r}, wanted a pixel (x, y)")
    x, y = pair
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"{function}: {name} is ({x}, {y}), wanted x in 0 … {width - 1} and y in 0 … {height - 1}")
    return int(x), int(y)


def mark(axes: Axes, image: NDArray[Any], grid: tuple[int, int], cell: tuple[int, int], colour: str = YELLOW) -> None:
    """Outline the patch in this row and column of an image [H, W, C], with a dark seam to be seen on any ground."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Stroke

    high, wide = image.shape[0] / grid[0], image.shape[1] / grid[1]
    corner = (cell[1] * wide - 0.5, cell[0] * high - 0.5)
    seam = [Stroke(linewidth=4, foreground=INK), Stroke(linewidth=2, foreground=colour)]
    axes.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=colour, linewidth=2, path_effects=seam))


def image_list(images: Any, function: str, name: str = "images") -> Dataset | Sequence[Any]:
    """Images one by one: of one [H, W, C], an array [B, H, W, C], a sequence, a data set, or the path of a folder or of
    one image. Raises ValueError where there is none.
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
