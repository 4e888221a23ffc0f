"""What in an image is alike: regions around a patch at descending thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import BLUE, displayed, panels, show
from latentmim.plot.grids import mark, read_query
from latentmim.plot.label_colours import show_region
from latentmim.plot.patches import patches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim.encoder import Encoder
    from latentmim.plot.canvas import Panels

__all__ = ["neighborhoods"]

SHARES = (0.02, 0.05, 0.12, 0.3)


def neighborhoods(
    encoder: Encoder,
    image: ArrayLike,
    queries: int | tuple[int, int] | Sequence[tuple[int, int]] = 3,
    thresholds: Sequence[float] | None = None,
    *,
    seed: int = 0,
    size: Any = "auto",
    ax: Any = None,
    **options: Any,
) -> Panels:
    """The semantic neighbourhood of patches (Fig. 12): the parts of an image whose cosine with a patch reaches a
    threshold, at descending thresholds.

    Args:
        encoder: whose features.
        image: [H, W, C], uint8, uint16 or float in 0 … 1.
        queries: pixels (x, y) in the patches asked for, or how many drawn at random.
        thresholds: cosines in descending order; if not given, for each query those that 2, 5, 12 and 30 % of the
            patches reach.
        seed: of the drawing.
        size: what features are computed at, as `resize` of `Encoder.features`.
        ax: where to draw, see `latentmim.plot`.
        options: `layer` and others of `Encoder.features`.

    Returns:
        Axes [queries, 1 + thresholds]: the image with the patch marked, then the regions.

    Raises:
        TypeError: no encoder, pixels of another type, queries that are none.
        ValueError: a query outside the image, thresholds that do not descend within −1 … 1, unknown options.

    Examples:
        >>> lm.plot.neighborhoods(encoder, image, [(80, 90)]).shape
        (1, 5)

    """
    name = "neighborhoods"
    picture = displayed(image, name)
    if isinstance(queries, int | np.integer):
        if queries < 1:
            raise ValueError(f"{name}: queries is {queries}, wanted at least 1, or pixels (x, y)")
        drawn = np.random.default_rng(seed).random((int(queries), 2)) * picture.shape[1::-1]
        queries = [(int(x), int(y)) for x, y in drawn]
    pixels = _read(queries, picture)
    if thresholds is not None and not _descend(thresholds):
        raise ValueError(f"{name}: thresholds is {list(thresholds)}, wanted cosines that descend within −1 … 1")
    found = patches(name, encoder, image, size, options)
    count = len(SHARES) if thresholds is None else len(thresholds)
    height, width = picture.shape[:2]
    axes = panels(name, len(pixels), 1 + count, 2.9 * (1 + count), (2.9 * height / width + 0.3) * len(pixels), ax)
    for row, pixel in zip(axes, pixels, strict=True):
        cell = found.grid.cell(pixel)
        # Row by row: a product's last bits depend on where a row lies, and copies of a patch would not tie.
        cosines = (found.vectors * found.vectors[cell]).sum(axis=-1)
        show(row[0], picture, f"query ({pixel[0]}, {pixel[1]})")
        mark(row[0], found.grid, cell)
        limits = thresholds or [_reached_by(share, cosines) for share in SHARES]
        for axes_of_one, limit in zip(row[1:], limits, strict=True):
            inside = cosines >= limit
            show_region(axes_of_one, picture, found.grid.spread(inside), BLUE)
            mark(axes_of_one, found.grid, cell)
            axes_of_one.set_title(f"cosine ≥ {limit:.2f}: {inside.mean():.0%}", fontsize=10)
    return axes


def _read(queries: Any, image: NDArray[Any]) -> list[tuple[int, int]]:
    """One pixel (x, y) or several as a list."""
    several = list(queries) if hasattr(queries, "__len__") else []
    if not several:
        raise TypeError(f"neighborhoods: queries is {queries!r}, wanted pixels (x, y), or how many")
    return [
        read_query(query, image, "neighborhoods") for query in (several if np.ndim(several[0]) else [tuple(several)])
    ]


def _reached_by(share: float, cosines: NDArray[Any]) -> float:
    """The cosine that this share of the patches reaches, and one patch at least."""
    count = max(1, round(share * cosines.size))
    return float(np.sort(cosines, axis=None)[-count])


def _descend(thresholds: Sequence[float]) -> bool:
    values = np.asarray(thresholds)
    is_list = values.ndim == 1 and values.size > 0 and values.dtype.kind in "iuf"
    return bool(is_list and (np.abs(values) <= 1).all() and (np.diff(values) < 0).all())
