"""What all pictures share: axes of a figure that notebooks show, colours, images of any number of channels.

Colours are Okabe and Ito's, which colour-blind people can tell apart, with a dark grey for their black: a lighter one
looks like the green to some.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Panels", "as_colours", "displayed", "grey", "panels", "picture", "show", "style"]

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#444444"
)  # fmt: skip
INK = "#222222"


class Panels(np.ndarray):
    """An array of Axes. Notebooks show its figure, unless that is one of pyplot's, which shows itself.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> type(panels("mine", 1, 2, 6.0, 3.0).figure).__name__
        'Picture'

    """

    @property
    def figure(self) -> Figure:
        """The figure they lie on."""
        return self.flat[0].figure  # type: ignore[no-any-return]

    @property
    def axes(self) -> list[Axes]:
        """All of them, as `Figure.axes` has those of a figure."""
        return list(self.flat)

    def _repr_png_(self) -> bytes | None:
        return _png(self.figure) if isinstance(self.figure, picture()[0]) else None


@functools.cache
def picture() -> tuple[type[Figure], type[Axes]]:
    """A figure and axes that notebooks show although pyplot knows nothing of them (and so never twice)."""
    try:
        # Loaded with the first picture: it takes its time, and need not be there before.
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("latentmim.plot needs matplotlib: pip install 'latentmim[plot]'") from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            return _png(self)

    class Panel(Axes):
        def _repr_png_(self) -> bytes:
            return _png(self.figure)

    return Picture, Panel


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def panels(function: str, rows: int, columns: int, width: float, height: float, ax: Any = None) -> Panels:
    """Axes [rows, columns]: of a new figure of so many inches, or those given.

    Args:
        function: as the user calls it, for messages.
        rows: of panels.
        columns: of panels.
        width: of the figure, in inches.
        height: of the figure, in inches.
        ax: one Axes, or an array or list of as many as there are panels.

    Raises:
        ImportError: there is no matplotlib.
        TypeError: what is given are no Axes.
        ValueError: their number is another.

    Examples:
        >>> from latentmim.plot.canvas import panels
        >>> panels("mine", 1, 2, 6.0, 3.0).shape
        (1, 2)

    """
    figure_class, axes_class = picture()
    from matplotlib.axes import Axes

    if ax is None:
        figure = figure_class(figsize=(width, height), layout="constrained", facecolor="white")
        return figure.subplots(rows, columns, squeeze=False, subplot_kw={"axes_class": axes_class}).view(Panels)
    given = np.array(ax, object).ravel()
    if strange := [type(one).__name__ for one in given if not isinstance(one, Axes)]:
        raise TypeError(f"{function}: ax holds a {strange[0]}, wanted matplotlib Axes")
    if given.size != rows * columns:
        shape = f", {rows} rows of {columns}" if rows > 1 else ""
        raise ValueError(f"{function}: ax holds {given.size} Axes, wanted {rows * columns}{shape}")
    return given.reshape(rows, columns).view(Panels)


def displayed(image: ArrayLike, function: str, name: str = "image") -> NDArray[Any]:
    """One image [H, W, C] as it is drawn: uint8, or float32 in 0 … 1.

    Args:
        image: uint8, uint16, or float in 0 … 1, which is cut off beyond.
        function: as the user calls it, for messages.
        name: of the argument.

    Raises:
        TypeError: other numbers.
        ValueError: another shape, no pixels, or numbers that are not finite.

    Examples:
        >>> from latentmim.plot.canvas import displayed
        >>> displayed(image, "mine").shape
        (160, 160, 3)

    """
    array = _arrays.pixels(image, f"{function}: {name}")
    if array.ndim != 3 or not array.size:
        raise ValueError(f"{function}: {name} has shape {list(array.shape)}, wanted [H, W, C] with some pixels")
    if array.dtype == np.uint8:
        return array
    scaled = array / np.float32(65535) if array.dtype == np.uint16 else array
    if not np.isfinite(scaled).all():
        raise ValueError(f"{function}: {name} holds numbers that are not finite")
    return scaled.clip(0, 1)


def grey(image: NDArray[Any]) -> NDArray[Any]:
    """A displayed image [H, W, C] without its colours: [H, W, 3] float32 in 0 … 1.

    Examples:
        >>> from latentmim.plot.canvas import grey
        >>> grey(image).shape
        (160, 160, 3)

    """
    values: NDArray[Any] = image / np.float32(255) if image.dtype == np.uint8 else image
    return np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)


def show(axes: Axes, image: NDArray[Any], title: str = "") -> None:
    """A displayed image [H, W, C] of any number of channels, see `as_colours`.

    Examples:
        >>> from latentmim.plot.canvas import panels, show
        >>> show(panels("mine", 1, 1, 3.0, 3.0).flat[0], image, "a photograph")

    """
    shown = as_colours(image)
    axes.imshow(shown, cmap="gray" if shown.ndim == 2 else None, vmin=0, vmax=255 if shown.dtype == np.uint8 else 1,
                interpolation="antialiased")  # fmt: skip
    axes.set_title(title, fontsize=10, color=INK)
    axes.set_axis_off()


def as_colours(image: NDArray[Any]) -> NDArray[Any]:
    """[H, W] grey or [H, W, 3] colours: one channel is grey, two are red and cyan, of more the first three count.

    Examples:
        >>> from latentmim.plot.canvas import as_colours
        >>> as_colours(np.zeros((4, 4, 5), np.float32)).shape
        (4, 4, 3)

    """
    channels = image.shape[2]
    return image[..., 0] if channels == 1 else image[..., [0, 1, 1]] if channels == 2 else image[..., :3]


def style(axes: Axes, title: str, xlabel: str = "step") -> Axes:
    """Axes over steps or the like, with a title and a grid.

    Examples:
        >>> from latentmim.plot.canvas import panels, style
        >>> style(panels("mine", 1, 1, 3.0, 3.0).flat[0], "loss").get_xlabel()
        'step'

    """
    axes.set_title(title, fontsize=10, loc="left", color=INK, fontweight="bold")
    axes.set_xlabel(xlabel, fontsize=9)
    axes.grid(color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return axes
