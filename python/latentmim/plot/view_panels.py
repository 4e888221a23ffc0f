"""One image's views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot.canvas import BLUE, ORANGE, panels, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from latentmim.config import ModelConfig
    from latentmim.masking import Views

__all__ = ["views"]


def views(crop: ArrayLike, views: Views, index: int = 0, *, config: ModelConfig | None = None) -> Figure:
    """One image's views: where the patches lie, what the online encoder sees, what the target encoder sees.

    Args:
        crop: [crop height, crop width, C]: normalised float, as `dataset.crops` gives it, or uint8.
        views: of a batch.
        index: which image of it.
        config: of the model; views that were sampled know it.

    """
    config = config or views.config
    if config is None:
        raise ValueError("views: these views do not know their model; pass config=model.config")
    image = _displayable(np.asarray(crop), config)
    if image.shape[:2] != config.crop_size:
        raise ValueError(f"views: the crop is {image.shape[0]}×{image.shape[1]}, wanted {config.crop_size}")
    figure, ((whole, seen, predicted),) = panels(1, 3, 10.5, 3.9 * config.grid[0] / config.grid[1])
    show(whole, image, f"patches in their cells, gap {config.patch_gap}")
    for cells, colour in ((views.target[index], ORANGE), (views.visible[index], BLUE)):
        for top, left in _corners(cells, views.offsets[index], config):
            _outline(whole, top, left, config.patch_size, colour)
    for axes, cells, colour, title in (
        (seen, views.visible[index], BLUE, f"seen: {views.visible.shape[1]} patches"),
        (predicted, views.target[index], ORANGE, f"predicted: {views.target.shape[1]} latents"),
    ):
        show(axes, _only(image, cells, views.offsets[index], config), title)
        axes.title.set_color(colour if colour == BLUE else "#9A6A00")
    return figure


def _outline(axes: Axes, top: int, left: int, side: int, colour: str) -> None:
    from matplotlib.patches import Rectangle

    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=1.4))


def _displayable(image: NDArray[Any], config: ModelConfig) -> NDArray[Any]:
    """Normalised pixels brought back to 0 … 1."""
    if image.dtype == np.uint8:
        return image / np.float32(255)
    mean, std = np.array(config.mean, np.float32), np.array(config.std, np.float32)
    shown: NDArray[Any] = np.clip(image * std + mean, 0, 1)
    return shown


def _corners(cells: NDArray[Any], offsets: NDArray[Any], config: ModelConfig) -> list[tuple[int, int]]:
    """Top and left of patches, in pixels."""
    columns = config.training_grid[1]
    return [
        (cell // columns * config.cell + offsets[cell, 0], cell % columns * config.cell + offsets[cell, 1])
        for cell in map(int, cells)
    ]


def _only(image: NDArray[Any], cells: NDArray[Any], offsets: NDArray[Any], config: ModelConfig) -> NDArray[Any]:
    """The image with nothing but these patches."""
    shown = np.full_like(image, 0.93)
    for top, left in _corners(cells, offsets, config):
        place = np.s_[top : top + config.patch_size, left : left + config.patch_size]
        shown[place] = image[place]
    return shown
