"""Patches in colours: their first three principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import panels, show
from latentmim.plot.patches import image_list, patches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray
    from latentmim.encoder import Encoder
    from latentmim.plot.canvas import Panels

__all__ = ["pca", "principal_components"]

# Components' channels: red and green, which some confuse, do not carry the two strongest.
CHANNELS = [2, 0, 1]
# Beyond these percentiles, components are cut off.
PERCENTILES = (1, 99)


def pca(
    encoder: Encoder,
    images: ArrayLike | Sequence[ArrayLike],
    *,
    foreground: bool = False,
    size: Any = "auto",
    ax: Any = None,
    **options: Any,
) -> Panels:
    """Images beside the first three principal components of their patches, as colours: patches that look alike have
    like features. Several images share one basis and one range, so that colours mean the same in all.

    The first component is green, the second blue, the third red; a component's sign is such that its largest loading
    is positive, and each spans its 1st to 99th percentile.

    Args:
        encoder: whose features.
        images: one [H, W, C] or several, which may differ in size; uint8, uint16 or float in 0 … 1.
        foreground: leave out what lies on the side of the first component that more of the images' borders lie on, and
            begin again with the rest.
        size: what features are computed at, as `resize` of `Encoder.features`.
        ax: where to draw, see `latentmim.plot`.
        options: `layer` and others of `Encoder.features`.

    Returns:
        Axes [2, images]: the images, their components.

    Raises:
        TypeError: no encoder, pixels of another type.
        ValueError: no image, fewer than four patches, unknown options.

    Examples:
        >>> lm.plot.pca(encoder, photos[:2]).shape
        (2, 2)

    """
    found = [patches("pca", encoder, image, size, options) for image in image_list(images, "pca")]
    vectors = np.concatenate([one.flat for one in found])
    if len(vectors) < 4:
        raise ValueError(f"pca: images have {len(vectors)} patches, wanted at least 4")
    shown = np.ones(len(vectors), bool)
    if foreground:
        shown = _foreground(vectors, np.concatenate([_border(one.grid.shape) for one in found]))
    scores = principal_components(vectors[shown])
    low, high = np.percentile(scores, PERCENTILES, axis=0)
    colours = np.ones((len(vectors), 3))
    colours[shown] = ((scores - low) / np.maximum(high - low, 1e-12)).clip(0, 1)[:, CHANNELS]

    ratio = max(one.image.shape[0] / one.image.shape[1] for one in found)
    axes = panels("pca", 2, len(found), 3.2 * len(found), 6.4 * ratio + 0.3, ax)
    start = 0
    for column, one in zip(axes.T, found, strict=True):
        show(column[0], one.image)
        of_one = colours[start : start + len(one.flat)].reshape(*one.grid.shape, 3)
        show(column[1], one.grid.spread(of_one))
        start += len(one.flat)
    return axes


def principal_components(vectors: FloatArray, count: int = 3) -> NDArray[np.float64]:
    """[N, count] how far vectors [N, C] lie from their mean along the directions of largest variance.

    Examples:
        >>> from latentmim.plot.pca_maps import principal_components
        >>> principal_components(encoder.features(image)).shape
        (100, 3)

    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    strongest = directions[:, ::-1][:, :count]
    largest = strongest[np.abs(strongest).argmax(axis=0), np.arange(strongest.shape[1])]
    scores: NDArray[np.float64] = centred @ (strongest * np.sign(largest))
    return scores if scores.shape[1] == count else np.pad(scores, ((0, 0), (0, count - scores.shape[1])))


def _border(grid: tuple[int, int]) -> NDArray[np.bool_]:
    """[N] the patches along the edges of an image."""
    border = np.ones(grid, bool)
    border[1:-1, 1:-1] = False
    return border.ravel()


def _foreground(vectors: FloatArray, border: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[N] the patches on the side of the first component that fewer border patches lie on."""
    first = principal_components(vectors, 1)[:, 0]
    side = first > _otsu(first)
    side = side if side[border].mean() <= (~side)[border].mean() else ~side
    return side if side.sum() > 3 else np.ones(len(vectors), bool)


def _otsu(values: NDArray[np.float64]) -> float:
    """The threshold that leaves the least variance within its two sides."""
    ordered = np.sort(values)
    below = np.arange(1, len(values))
    total = np.cumsum(ordered)
    between = (total[-1] * below / len(values) - total[:-1]) ** 2 / (below * (len(values) - below))
    return float(ordered[np.argmax(between)])
