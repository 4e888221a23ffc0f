"""The course of a run."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.plot.canvas import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION, panels, style
from latentmim.runs import RunFolder, read_metrics
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from latentmim._arrays import PathLike
    from latentmim.plot.canvas import Panels

__all__ = ["history"]


def history(run: Trainer | PathLike | Sequence[dict[str, Any]], *, ax: Any = None) -> Panels:
    """The course of a run: loss between its chance level and its floor, similarities, effective rank, learning rate.

    Args:
        run: a trainer, the folder of a run, a metrics.jsonl, or a list of metrics (without the loss's bounds).
        ax: where to draw, see `latentmim.plot`: four Axes, six where there are scores.

    Returns:
        Axes [2, 2], or [2, 3] where images were scored during training.

    Raises:
        ValueError: there are no steps yet.

    Examples:
        >>> lm.plot.history("run").figure.savefig("history.png")

    """
    lines, bounds = _read_run(run)
    if not lines:
        raise ValueError("history: there are no steps to draw")
    scores = [(line["step"], line["nn_accuracy"]) for line in lines if "nn_accuracy" in line]
    grid = panels("history", 2, 3 if scores else 2, 15 if scores else 10.5, 6.2, ax)
    step = [line["step"] for line in lines]
    place = grid.flat

    def draw(axes: Axes, name: str, colour: str, label: str = "", style: str = "-") -> None:
        values = [line[name] for line in lines]
        axes.plot(step, values, style, color=colour, linewidth=1.5, label=label, marker="" if len(step) > 1 else "o")

    axes = style(next(place), "loss")
    draw(axes, "loss", BLUE, "loss")
    _draw_bounds(axes, [line["loss"] for line in lines], bounds)
    axes = style(next(place), "mean cosine")
    draw(axes, "similarity_images", VERMILION, "between images (1: collapse)")
    draw(axes, "similarity_predictions", BLUE, "predictions of an image", "--")
    draw(axes, "similarity_visible", ORANGE, "visible tokens of an image", "-.")
    draw(axes, "similarity_targets", GREEN, "targets of an image", ":")
    _legend(axes)
    draw(style(next(place), "effective rank of the images' mean tokens"), "effective_rank", PURPLE)
    draw(style(next(place), "learning rate"), "learning_rate", INK)
    if scores:
        draw(style(next(place), "gradient norm"), "gradient_norm", INK)
        axes = style(next(place), "nearest-neighbour accuracy")
        axes.plot(*zip(*scores, strict=True), "o-", color=GREEN, markersize=4, linewidth=1.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    return grid


def _draw_bounds(axes: Axes, losses: list[float], bounds: dict[str, float]) -> None:
    """Chance and floor. A floor far below is named in the legend alone, so that the curve keeps its room."""
    reach = [*losses, bounds["chance"]] if "chance" in bounds else losses
    low, high = min(reach), max(reach)
    margin = 0.1 * (high - low) or 0.1
    for label, value in bounds.items():
        colour = VERMILION if label == "chance" else GREEN
        is_seen = value > low - 3 * margin
        name = f"{label} {value:.3f}" if is_seen else f"{label} {value:.3f}, below"
        axes.plot([], [], color=colour, linewidth=1.2, linestyle="--", label=name)
        if is_seen:
            axes.axhline(value, color=colour, linewidth=1.2, linestyle="--")
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the curves, which get room for it."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none", loc="upper right", ncols=2)


def _read_run(run: Trainer | PathLike | Sequence[dict[str, Any]]) -> tuple[Sequence[dict[str, Any]], dict[str, float]]:
    """The metrics, and chance and floor of the loss where they are known."""
    if isinstance(run, Trainer):
        return run.history, _known_bounds(run.model.chance_loss, run.model.floor_loss)
    if not isinstance(run, str | os.PathLike):
        return run, {}
    path = _arrays.path(run)
    folder = RunFolder(path if os.path.isdir(path) else os.path.dirname(path))
    lines = read_metrics(folder.metrics if os.path.isdir(path) else path)
    config = folder.settings() or {}
    return lines, _known_bounds(config.get("chance_loss"), config.get("floor_loss"))


def _known_bounds(chance: float | None, floor: float | None) -> dict[str, float]:
    bounds = {"chance": chance, "floor": floor}
    return {name: value for name, value in bounds.items() if value is not None and not math.isnan(value)}
