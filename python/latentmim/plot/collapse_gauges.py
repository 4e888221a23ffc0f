"""Whether a model has collapsed: where its loss stands, and how far apart images lie behind every layer."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.diagnostics import Diagnosis, Spread
from latentmim.plot.canvas import BLUE, GREEN, INK, PURPLE, VERMILION, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from latentmim.plot.canvas import Panels

__all__ = ["diagnosis"]


def diagnosis(*readings: Diagnosis | Spread, ax: Any = None) -> Panels:
    """Readings of collapse: of a `latentmim.diagnose` the loss between floor and chance, of a `latentmim.spread` the
    effective rank and the similarity of images behind every layer.

    Args:
        readings: one or several of them, drawn in this order.
        ax: where to draw, see `latentmim.plot`: one Axes for a diagnosis, two for a spread.

    Returns:
        Axes, one for each diagnosis and two for each spread.

    Raises:
        TypeError: something else.
        ValueError: none.

    Examples:
        >>> lm.plot.diagnosis(lm.spread(encoder, photos)).figure.savefig("spread.png")

    """
    if not readings:
        raise ValueError("diagnosis: there is none, wanted what `latentmim.diagnose` or `latentmim.spread` returns")
    for one in readings:
        if not isinstance(one, Diagnosis | Spread):
            raise TypeError(
                f"diagnosis: is a {type(one).__name__}, wanted what `latentmim.diagnose` or `latentmim.spread` returns"
            )
    count = sum(1 if isinstance(one, Diagnosis) else 2 for one in readings)
    axes: Panels = panels("diagnosis", 1, count, 4.6 * count, 3.1, ax)[0]
    place = iter(axes)
    for one in readings:
        if isinstance(one, Diagnosis):
            _draw_gauge(next(place), one)
        else:
            layers = np.arange(len(one.effective_rank))
            _draw_layers(next(place), layers, one.effective_rank, "effective rank of images' mean tokens", PURPLE)
            similarity = next(place)
            _draw_layers(similarity, layers, one.similarity, "mean cosine between images", BLUE)
            similarity.axhline(1, color=VERMILION, linestyle="--", linewidth=1.2)
            similarity.annotate("1: collapse", (0, 1), (0, 3), textcoords="offset points", fontsize=8, color=VERMILION)
            similarity.set_ylim(min(0, one.similarity.min()) - 0.05, 1.12)
    return axes


def _draw_layers(axes: Axes, layers: NDArray[Any], values: NDArray[Any], title: str, colour: str) -> None:
    style(axes, title, "layer (0: embedded patches)").plot(layers, values, "o-", color=colour, markersize=4)
    axes.set_ylim(0, 1.12 * max(1, values.max()))
    axes.set_xticks(layers[:: max(1, len(layers) // 7)])


def _draw_gauge(axes: Axes, reading: Diagnosis) -> None:
    """A bar from floor to chance with a mark where the loss is, which may lie beyond; its meaning beneath."""
    bounds = [value for value in (reading.floor, reading.chance) if math.isfinite(value)]
    reach = [*bounds, reading.loss] if math.isfinite(reading.loss) else bounds
    low, high = min(reach, default=0), max(reach, default=1)
    margin = 0.12 * (high - low) or 0.5
    axes.set(xlim=(low - margin, high + margin), ylim=(-1.6, 1.6), yticks=[])
    style(axes, "loss between floor and chance", "").grid(visible=False)
    axes.spines["left"].set_visible(False)
    if len(bounds) == 2:
        axes.barh(0, reading.chance - reading.floor, left=reading.floor, height=0.35, color="#E3E3E3")
    for value, name, colour in ((reading.floor, "floor", GREEN), (reading.chance, "chance", VERMILION)):
        if math.isfinite(value):
            axes.plot([value, value], [-0.35, 0.35], color=colour, linewidth=3)
            axes.text(value, -0.5, f"{name}\n{value:.3f}", ha="center", va="top", fontsize=9, color=colour)
    if math.isfinite(reading.loss):
        axes.plot([reading.loss], [0], "o", color=BLUE, markersize=11)
        axes.text(reading.loss, 0.35, f"loss {reading.loss:.3f}", ha="center", va="bottom", fontsize=9, color=BLUE)
    meaning = axes.text(0.5, 0.99, textwrap.fill(reading.meaning, 58), fontsize=9, color=INK, ha="center", va="top")
    meaning.set_transform(axes.transAxes)
