"""Images and those nearest to them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _latentmim as _native
from latentmim import evaluate
from latentmim.data import as_dataset
from latentmim.names import refuse_unknown
from latentmim.plot.canvas import GREEN, ORANGE, panels, picture, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.plot.canvas import Panels

__all__ = ["neighbors"]


def neighbors(
    encoder: Encoder,
    dataset: Dataset | PathLike | ArrayLike,
    queries: int | Sequence[int] = 5,
    count: int = 6,
    *,
    features: FloatArray | None = None,
    seed: int = 0,
    ax: Any = None,
    **options: Any,
) -> Panels:
    """The images nearest to some, by the cosine of their features; of equally near ones the lowest first. Classes,
    where known, are framed: green the same, orange another.

    Args:
        encoder: whose features.
        dataset: the images.
        queries: which images are asked for, or how many drawn at random.
        count: neighbours of each.
        features: [N, C] of all images, if they are at hand; computed otherwise.
        seed: of the drawing.
        ax: where to draw, see `latentmim.plot`.
        options: how images become vectors, as in `latentmim.evaluate.features`.

    Returns:
        Axes [queries, 1 + count].

    Raises:
        TypeError: no encoder.
        ValueError: features of another number of images, no such query, fewer than one neighbour, unknown options.

    Examples:
        >>> lm.plot.neighbors(encoder, photos, [0, 5], count=3, progress=False).shape
        (2, 4)

    """
    known = inspect.signature(evaluate.features).parameters.keys() - {"encoder", "dataset", "indices"}
    refuse_unknown("neighbors", options, sorted(known))
    picture()  # where it cannot be drawn, say so before the long part
    data = as_dataset(dataset, encoder.config.channels)
    if features is None:
        # Of all images, in their order: `indices` among the options is refused.
        vectors = evaluate.features(encoder, data, None, **options)
    else:
        vectors = np.array(features, np.float32, order="C")
    if len(vectors) != len(data):
        raise ValueError(f"neighbors: there are features of {len(vectors)} images, wanted those of all {len(data)}")
    there = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    if isinstance(queries, int | np.integer):
        # Images that cannot be read have rows of NaN.
        if queries < 1:
            raise ValueError(f"neighbors: queries is {queries}, wanted at least 1, or indices of images")
        queries = sorted(np.random.default_rng(seed).choice(there, min(queries, len(there)), replace=False))
    if strange := [query for query in queries if not 0 <= query < len(data)]:
        raise ValueError(f"neighbors: queries hold {strange[0]}, wanted indices of the {len(data)} images")
    if count < 1:
        raise ValueError(f"neighbors: count is {count}, wanted at least 1")
    unread = np.setdiff1d(queries, there)
    if unread.size:
        raise ValueError(f"neighbors: queries hold {unread[0]}, an image that could not be read")
    count = min(count, len(there) - 1)
    nearest, cosines = _nearest(vectors[there], np.searchsorted(there, queries), count)
    grid = panels("neighbors", len(queries), count + 1, 1.45 * (count + 1), 1.62 * len(queries), ax)
    for row, query, others, of_others in zip(grid, queries, there[nearest], cosines, strict=True):
        show(row[0], _thumbnail(data, query), "query")
        for axes, other, cosine in zip(row[1:], others, of_others, strict=True):
            show(axes, _thumbnail(data, other), f"{cosine:.3f}")
            _frame(axes, data.labels, query, other)
    return grid


def _nearest(
    vectors: FloatArray, queries: NDArray[np.intp], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows nearest to some, themselves left out, and their cosines: [queries, count] each."""
    shape = (len(queries), count + 1)
    rows, cosines = np.empty(shape, np.int64), np.empty(shape)
    _native.nearest_rows(np.ascontiguousarray(vectors[queries]), vectors, rows, cosines)
    is_other = rows != queries[:, np.newaxis]
    # Of more copies than are asked for, the row itself may not be among them.
    is_other[is_other.all(axis=1), -1] = False
    return rows[is_other].reshape(-1, count), cosines[is_other].reshape(-1, count)


def _thumbnail(data: Dataset, index: int) -> NDArray[Any]:
    image: NDArray[Any] = data.resized(96, [int(index)])[0]
    return image


def _frame(axes: Axes, labels: NDArray[Any] | None, query: int, other: int) -> None:
    if labels is None:
        return
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=GREEN if labels[query] == labels[other] else ORANGE, linewidth=3)
