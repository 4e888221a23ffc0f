"""Where a token looks: attention, head by head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.encoder import Encoder
from latentmim.plot.canvas import displayed, panels, show
from latentmim.plot.grids import Grid, mark, read_query
from latentmim.plot.patches import grid_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray
    from latentmim.plot.canvas import Panels

__all__ = ["attention"]

NO_CLASS_TOKEN = "there is no class token, wanted a pixel (x, y)"
# Panels in a row.
MOST_IN_A_ROW = 7


def attention(
    source: Encoder | ArrayLike,
    image: ArrayLike,
    query: tuple[int, int] | None = None,
    *,
    grid: tuple[int, int] | None = None,
    size: Any = "auto",
    ax: Any = None,
    **options: Any,
) -> Panels:
    """What the class token or a patch attends to, the mean over heads and each head. A head's brightest patches span
    the last half per cent, so that single ones that draw all attention leave something of the others.

    Args:
        source: an encoder; or its attention [heads, N, N] (rows sum to 1), or that of one token [heads, N]. Of more
            tokens than patches, the last are the patches and the first is the class token.
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        query: a pixel (x, y) in the patch that attends; the class token if not given.
        grid: rows and columns of the patches, needed with an array.
        size: what an encoder computes at, as `resize` of `Encoder.features`.
        ax: where to draw, see `latentmim.plot`.
        options: `layer` and others of `Encoder.attention`.

    Returns:
        Axes [2 + heads]: the image, the mean over heads, the heads.

    Raises:
        TypeError: attention or pixels of another type.
        ValueError: attention of another shape than the grid's or not finite, no class token, a query outside the image.

    Examples:
        >>> lm.plot.attention(encoder, image, (80, 90)).shape
        (5,)

    """
    picture = displayed(image, "attention")
    pixel = None if query is None else read_query(query, picture, "attention")
    if isinstance(source, Encoder):
        place = grid_of(source, picture, size, options)
        if pixel is None and not source.has_class_token:
            raise ValueError(f"attention: query is None and {NO_CLASS_TOKEN}")
        token = 0 if pixel is None else source.leading_tokens + _number(place, pixel)
        maps = source.attention(image, queries=token, resize=size, **options)[:, source.leading_tokens :]
    else:
        if options:
            raise TypeError(f"attention: {', '.join(options)} given, wanted only with an encoder")
        if grid is None or len(grid) != 2:
            raise ValueError(f"attention: grid is {grid}, wanted (rows, columns) of the patches")
        place = Grid(picture.shape[:2], grid)
        maps = _maps(_arrays.floats(source, "attention: source"), place, pixel)
    axes = _panels(2 + len(maps), picture, ax)
    show(axes[0], picture, "class token" if pixel is None else f"query ({pixel[0]}, {pixel[1]})")
    titles = ["mean", *(f"head {i}" for i in range(1, len(maps) + 1))]
    for one, of_one, title in zip(axes[1:], [maps.mean(axis=0), *maps], titles, strict=True):
        shown = place.spread(of_one.reshape(place.shape))
        most = max(float(np.quantile(of_one, 0.995)), 1e-12)
        one.imshow(shown, cmap="viridis", vmin=0, vmax=most, interpolation="nearest")
        one.set_title(f"{title}, to {most:.2g}", fontsize=10)
        one.set_axis_off()
    if pixel is not None:
        for one in axes:
            mark(one, place, place.cell(pixel))
    return axes


def _number(place: Grid, pixel: tuple[int, int]) -> int:
    """The patch that a pixel lies in, counted row by row."""
    row, column = place.cell(pixel)
    return row * place.shape[1] + column


def _panels(count: int, image: NDArray[Any], ax: Any) -> Panels:
    """So many Axes: of a new figure in rows, of which the last may be incomplete."""
    rows = -(-count // MOST_IN_A_ROW)
    columns = -(-count // rows)
    shape = (rows, columns) if ax is None else (1, count)
    height, width = image.shape[:2]
    axes: Any = panels("attention", *shape, 2.3 * columns, (2.3 * height / width + 0.3) * rows, ax).ravel()
    for unused in axes[count:]:
        unused.remove()
    return axes[:count]  # type: ignore[no-any-return]


def _maps(given: FloatArray, place: Grid, pixel: tuple[int, int] | None) -> FloatArray:
    """[heads, rows · columns] the attention of the token that is asked for to the patches."""
    count = place.shape[0] * place.shape[1]
    extra = given.shape[-1] - count if given.ndim else -1
    is_square = given.ndim == 2 or (given.ndim == 3 and given.shape[1] == given.shape[2])
    if not is_square or extra < 0 or not len(given):
        raise ValueError(
            f"attention: source has shape {list(given.shape)}, wanted [heads, N, N] or [heads, N], N at least the "
            f"{count} patches of grid {tuple(place.shape)}"
        )
    if not np.isfinite(given).all():
        raise ValueError("attention: source holds numbers that are not finite")
    if given.ndim == 3:
        if pixel is None and not extra:
            raise ValueError(f"attention: query is None and {NO_CLASS_TOKEN}")
        given = given[:, 0 if pixel is None else extra + _number(place, pixel)]
    return given[:, extra:]
