"""Patches of other images that are like one patch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _latentmim as _native
from latentmim.plot.canvas import displayed, panels, picture, show
from latentmim.plot.grids import mark, read_query
from latentmim.plot.patches import image_list, patches
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.plot.canvas import Panels
    from latentmim.plot.grids import Grid

__all__ = ["matches"]


def matches(
    encoder: Encoder,
    image: ArrayLike,
    query: tuple[int, int],
    images: Dataset | PathLike | Sequence[ArrayLike],
    count: int = 5,
    *,
    per_image: int = 1,
    size: Any = "auto",
    progress: bool = True,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """The patches of other images that are nearest to a patch, by the cosine of their features; of equally near ones
    the first, image by image and row by row.

    Args:
        encoder: whose features.
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        query: a pixel (x, y) in the patch asked for.
        images: the others: a sequence of images, which may differ in size, a data set, or the path of a folder.
        count: how many images are shown, those with the nearest patches.
        per_image: nearest patches that are marked in each.
        size: what features are computed at, as `resize` of `Encoder.features`; each image at its own.
        progress: whether a bar shows how far it is.
        ax: where to draw, see `latentmim.plot`: 1 + `count` Axes.
        options: `layer` and others of `Encoder.features`.

    Returns:
        Axes [1 + count]: the image with the patch marked, then others with theirs, nearest first, and the cosine of the
        nearest; fewer where there are fewer images.

    Raises:
        TypeError: no encoder, pixels of another type, a query that is none.
        ValueError: a query outside the image, no images, numbers below 1, unknown options.

    Examples:
        >>> lm.plot.matches(encoder, image, (80, 90), photos[2:5], count=2, progress=False).shape
        (3,)

    """
    picture()
    for name, value in (("count", count), ("per_image", per_image)):
        if value < 1:
            raise ValueError(f"matches: {name} is {value}, wanted at least 1")
    pixel = read_query(query, displayed(image, "matches"), "matches")
    others = image_list(images, "matches")
    asked = patches("matches", encoder, image, size, options)
    cell = asked.grid.cell(pixel)
    best: list[tuple[float, int, list[tuple[int, int]], Grid]] = []
    with bar(len(others), "patches", "image", is_shown=progress and len(others) > 1) as shown:
        for index in range(len(others)):
            found = patches("matches", encoder, others[index], size, options)
            shape = (1, min(per_image, len(found.flat)))
            rows, cosines = np.empty(shape, np.int64), np.empty(shape)
            _native.nearest_rows(asked.vectors[cell][np.newaxis], found.flat, rows, cosines)
            cells = [divmod(one, found.grid.shape[1]) for one in rows[0].tolist()]
            # Images are read again to be drawn: all of a folder may not fit into memory.
            best.append((-float(cosines[0, 0]), index, cells, found.grid))
            best = sorted(best, key=lambda one: one[:2])[:count]
            shown.update()

    height, width = asked.image.shape[:2]
    number = len(best) if ax is None else count
    axes: Panels = panels("matches", 1, 1 + number, 2.6 * (1 + number), 2.6 * height / width + 0.4, ax)[0]
    show(axes[0], asked.image, f"query ({pixel[0]}, {pixel[1]})")
    mark(axes[0], asked.grid, cell)
    for one, (cosine, index, cells, grid) in zip(axes[1:], best, strict=False):
        other = displayed(others[index], "matches", f"images[{index}]")
        show(one, other, f"image {index}: {-cosine:.2f}")
        for cell in cells:
            mark(one, grid, cell)
    return axes
