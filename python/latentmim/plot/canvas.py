"""What all pictures share: figures that notebooks show, colours, axes, images of any number of channels.

Colours are Okabe and Ito's, which colour-blind people can tell apart.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["panels", "picture", "show", "style"]

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"
)  # fmt: skip
INK = "#222222"


@functools.cache
def picture() -> type[Figure]:
    """A figure that notebooks show although pyplot knows nothing of it (and so never twice)."""
    try:
        # Loaded with the first picture: it takes its time, and need not be there before.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("latentmim.plot needs matplotlib: pip install 'latentmim[plot]'") from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=110)
            return file.getvalue()

    return Picture


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, NDArray[Any]]:
    """A figure of so many inches, and its axes [rows, columns]."""
    figure = picture()(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False)


def show(axes: Axes, image: NDArray[Any], title: str = "") -> None:
    """An image [H, W, C] of any number of channels."""
    shown = as_colours(image)
    axes.imshow(shown, cmap="gray" if shown.ndim == 2 else None, vmin=0, vmax=255 if shown.dtype == np.uint8 else 1,
                interpolation="nearest")  # fmt: skip
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_axis_off()


def as_colours(image: NDArray[Any]) -> NDArray[Any]:
    """[H, W] grey or [H, W, 3] colours: one channel is grey, two are red and cyan, of more the first three count."""
    if image.ndim == 2 or image.shape[2] == 1:
        return image.reshape(image.shape[:2])
    return image[..., [0, 1, 1]] if image.shape[2] == 2 else image[..., :3]


def style(axes: Axes, title: str) -> Axes:
    """Axes over steps, with a title and a grid."""
    axes.set_title(title, fontsize=10, loc="left", color=INK, fontweight="bold")
    axes.set_xlabel("step", fontsize=9)
    axes.grid(color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return axes
