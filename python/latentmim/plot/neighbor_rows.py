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
    """The images nearest to some, by the cosine of their features. Classes, where known, are framed: green the same,
    orange another.

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
    _native.normalize_rows(vectors)
    if isinstance(queries, int | np.integer):
        # Images that cannot be read have rows of NaN.
        if queries < 1:
            raise ValueError(f"neighbors: queries is {queries}, wanted at least 1, or indices of images")
        there = np.flatnonzero(np.isfinite(vectors[:, 0]))
        queries = sorted(np.random.default_rng(seed).choice(there, min(queries, len(there)), replace=False))
    if strange := [query for query in queries if not 0 <= query < len(data)]:
        raise ValueError(f"neighbors: queries hold {strange[0]}, wanted indices of the {len(data)} images")
    if count < 1:
        raise ValueError(f"neighbors: count is {count}, wanted at least 1")
    count = min(count, int(np.isfinite(vectors[:, 0]).sum()) - 1)
    grid = panels("neighbors", len(queries), count + 1, 1.45 * (count + 1), 1.62 * len(queries), ax)
    for row, query in zip(grid, queries, strict=True):
        cosines = vectors @ vectors[query]
        cosines[query] = -np.inf
        nearest = np.argsort(-cosines, kind="stable")[:count]
        show(row[0], _thumbnail(data, query), "query")
        for axes, other in zip(row[1:], nearest, strict=True):
            show(axes, _thumbnail(data, other), f"{cosines[other]:.3f}")
            _frame(axes, data.labels, query, other)
    return grid


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
