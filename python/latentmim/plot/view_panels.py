"""One image's views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.plot.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, panels, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from latentmim.config import ModelConfig
    from latentmim.masking import Views
    from latentmim.plot.canvas import Panels

__all__ = ["views"]

BLOCKS = (ORANGE, GREEN, PURPLE, VERMILION, SKY)


def views(
    crop: ArrayLike, views: Views, index: int = 0, *, config: ModelConfig | None = None, ax: Any = None
) -> Panels:
    """One image's views: where the patches lie in their cells, what the online encoder sees, what is predicted.

    In the first panel, gaps between patches are veiled, and so is what of a crop no cell covers. Patches that are seen
    are outlined in blue, those predicted in orange (in a colour for each block that is predicted for itself), those
    that are neither in grey.

    Args:
        crop: [crop height, crop width, C]: normalised float, as `dataset.crops` gives it, or uint8.
        views: of a batch.
        index: which image of it.
        config: of the model; views that were sampled know it.
        ax: where to draw, see `latentmim.plot`: three Axes.

    Returns:
        Axes [3].

    Raises:
        TypeError: pixels neither uint8 nor float.
        ValueError: a crop of another size than the model's, no such image, views of another model.

    Examples:
        >>> views = lm.masking.sample(model.config, images=[1])
        >>> lm.plot.views(photos.crops(model.config, [1])[0], views).shape
        (3,)

    """
    config = config or views.config
    if config is None:
        raise ValueError("views: these views do not know their model; pass config=model.config")
    image = _displayable(crop, config)
    if image.shape[:2] != config.crop_size:
        raise ValueError(f"views: the crop is {image.shape[0]}×{image.shape[1]}, wanted {config.crop_size}")
    if not -len(views) <= index < len(views):
        raise ValueError(f"views: index is {index}, wanted one of the {len(views)} images")
    corners = _corners(views, index, config)
    seen, blocks = views.visible[index], np.split(views.target[index], views.target_blocks)
    height, width = image.shape[:2]
    axes: Panels = panels("views", 1, 3, 10.5, 3.5 * height / width + 0.35, ax)[0]

    gap = f"gap {config.patch_gap}" if config.patch_gap else "no gap"
    rows, columns = config.training_grid
    show(axes[0], _only(image, corners, config.patch_size, veil=0.65), f"{rows}×{columns} patches in cells, {gap}")
    show(axes[1], _only(image, corners[seen], config.patch_size), f"seen: {len(seen)} patches")
    several = f"{len(blocks)} blocks of " if len(blocks) > 1 else ""
    show(axes[2], _only(image, corners[np.concatenate(blocks)], config.patch_size),
         f"predicted: {several}{len(blocks[0])} latents")  # fmt: skip
    used = np.zeros(len(corners), bool)
    for place, cells, colour in [
        (axes[1], seen, BLUE), *((axes[2], cells, BLOCKS[i % len(BLOCKS)]) for i, cells in enumerate(blocks))
    ]:  # fmt: skip
        used[cells] = True
        place.title.set_color(BLUE if place is axes[1] else "#9A6A00")
        _outline(axes[0], corners[cells], config.patch_size, colour)
        if len(blocks) > 1 and place is axes[2]:
            _outline(place, corners[cells], config.patch_size, colour)
    _outline(axes[0], corners[~used], config.patch_size, GREY)
    return axes


def _outline(axes: Axes, corners: NDArray[Any], side: int, colour: str) -> None:
    from matplotlib.patches import Rectangle

    for top, left in corners.tolist():
        corner = (left - 0.5, top - 0.5)
        outline = axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=2.8))
        outline.set_clip_path(outline)  # neighbours without a gap keep their own


def _displayable(crop: ArrayLike, config: ModelConfig) -> NDArray[Any]:
    """Normalised pixels brought back to 0 … 1."""
    image = _arrays.pixels(crop, "views: crop")
    if image.ndim != 3 or image.shape[2] != config.channels:
        raise ValueError(f"views: crop has shape {list(image.shape)}, wanted [H, W, {config.channels}]")
    if image.dtype.kind == "u":
        scaled: NDArray[Any] = image / np.float32(np.iinfo(image.dtype).max)
        return scaled
    if not np.isfinite(image).all():
        raise ValueError("views: crop holds numbers that are not finite")
    mean, std = np.array(config.mean, np.float32), np.array(config.std, np.float32)
    shown: NDArray[Any] = np.clip(image * std + mean, 0, 1)
    return shown


def _corners(views: Views, index: int, config: ModelConfig) -> NDArray[Any]:
    """[L, 2] top and left of every cell's patch, in pixels."""
    rows, columns = config.training_grid
    offsets = views.offsets[index]
    if offsets.shape != (rows * columns, 2) or offsets.min() < 0 or offsets.max() > config.patch_gap:
        raise ValueError(
            f"views: offsets have shape {list(views.offsets.shape)} and are {offsets.min()} … {offsets.max()}, wanted "
            f"[B, {rows * columns}, 2] in 0 … {config.patch_gap}"
        )
    for name, cells in (("visible", views.visible[index]), ("target", views.target[index])):
        if cells.size and not 0 <= cells.min() <= cells.max() < rows * columns:
            raise ValueError(
                f"views: {name} holds cells {cells.min()} … {cells.max()}, wanted those of a {rows}×{columns} grid"
            )
    row, column = np.divmod(np.arange(rows * columns), columns)
    corners: NDArray[Any] = np.stack([row, column], axis=1) * config.cell + offsets
    return corners


def _only(image: NDArray[Any], corners: NDArray[Any], side: int, veil: float = 1) -> NDArray[Any]:
    """The image with nothing but patches, the rest veiled."""
    shown: NDArray[Any] = image * (1 - veil) + np.float32(0.93 * veil)
    for top, left in corners.tolist():
        place = np.s_[top : top + side, left : left + side]
        shown[place] = image[place]
    return shown
