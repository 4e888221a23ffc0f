"""Where the patches of an image lie, and which one a pixel is in."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import INK, YELLOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["Grid", "mark", "read_query"]


@dataclass(frozen=True)
class Grid:
    """The grid of an image's patches, which may overlap.

    Attributes:
        size: height and width of the image, in pixels.
        shape: rows and columns of patches.
        patch: side of a patch, in the units of `stride`.
        stride: from one patch to the next.

    Examples:
        >>> from latentmim.plot.grids import Grid
        >>> Grid((160, 160), (10, 10), patch=16, stride=16).cell((30, 50))
        (3, 1)

    """

    size: tuple[int, int]
    shape: tuple[int, int]
    patch: int = 1
    stride: int = 1

    def _scale(self, axis: int) -> float:
        """Pixels of the image for one of those that patches are cut from."""
        return self.size[axis] / ((self.shape[axis] - 1) * self.stride + self.patch)

    def _nearest(self, axis: int) -> NDArray[np.int64]:
        """[H] or [W] the row or column of patches whose middle is nearest to each pixel's."""
        middle = (np.arange(self.size[axis]) + 0.5) / self._scale(axis)
        return np.floor((middle - self.patch / 2) / self.stride + 0.5).astype(int).clip(0, self.shape[axis] - 1)

    def cell(self, pixel: tuple[int, int]) -> tuple[int, int]:
        """Row and column of the patch whose middle is nearest to a pixel (x, y)."""
        return int(self._nearest(0)[pixel[1]]), int(self._nearest(1)[pixel[0]])

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """[H, W, …] of values [rows, columns, …]: every pixel has those of the patch whose middle is nearest."""
        return values[np.ix_(self._nearest(0), self._nearest(1))]

    def box(self, cell: tuple[int, int]) -> tuple[float, float, float, float]:
        """Left, top, width and height of the patch in this row and column, as matplotlib counts pixels."""
        down, right = self._scale(0), self._scale(1)
        corner = (cell[1] * self.stride * right - 0.5, cell[0] * self.stride * down - 0.5)
        return *corner, self.patch * right, self.patch * down


def read_query(query: Any, image: NDArray[Any], function: str, name: str = "query") -> tuple[int, int]:
    """A pixel (x, y), checked against an image [H, W, C]. Raises TypeError, ValueError.

    Examples:
        >>> from latentmim.plot.grids import read_query
        >>> read_query((80, 90), image, "mine")
        (80, 90)

    """
    height, width = image.shape[:2]
    pair = list(query) if hasattr(query, "__len__") else []
    if len(pair) != 2 or not all(isinstance(part, Real) for part in pair):
        raise TypeError(f"{function}: {name} is {query!r}, wanted a pixel (x, y)")
    x, y = pair
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"{function}: {name} is ({x}, {y}), wanted x in 0 … {width - 1} and y in 0 … {height - 1}")
    return int(x), int(y)


def mark(axes: Axes, grid: Grid, cell: tuple[int, int], colour: str = YELLOW) -> None:
    """Outline the patch in this row and column, with a dark seam to be seen on any ground.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> from latentmim.plot.grids import Grid, mark
        >>> mark(panels("mine", 1, 1, 3.0, 3.0).flat[0], Grid((160, 160), (10, 10), 16, 16), (3, 4))

    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Stroke

    left, top, width, height = grid.box(cell)
    seam = [Stroke(linewidth=4, foreground=INK), Stroke(linewidth=2, foreground=colour)]
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=2, path_effects=seam))
