"""The study in pictures: the course of every row (Figs. 3 and 8) and the progression over the tables (Fig. 1)."""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim.plot import canvas
from latentmim.reproduce.experiments import EXPERIMENTS
from latentmim.reproduce.rows import MEASURES
from latentmim.reproduce.running import run_folder
from latentmim.reproduce.tables import STAGES
from latentmim.runs import read_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from latentmim.reproduce.results import Results
    from latentmim.reproduce.rows import Experiment, Row

__all__ = ["curves", "progression"]

COLOURS = (canvas.BLUE, canvas.VERMILION, canvas.GREEN, canvas.ORANGE, canvas.PURPLE, canvas.SKY, canvas.GREY)
STYLES = ("-", "--", ":")
# Losses that span less than this factor get a number at each step of their axis.
LABELLED_RANGE = 30


def curves(experiment: Experiment, out: str, results: Results) -> Figure | None:
    """Nearest-neighbour score and loss of every row during training: means over seeds, and their range as a band.

    Args:
        experiment: whose rows.
        out: the study's folder, in which the runs left their logs.
        results: tell which seeds there are.

    Returns:
        None if no row left a log.

    """
    panels = canvas.panels("curves", 2, 1, 9.5, 7.6)
    figure = panels.figure
    scores = canvas.style(panels[0, 0], "nearest-neighbour accuracy of held-out images during training")
    losses = canvas.style(panels[1, 0], "training loss, of each row's own objective")
    drawn = [
        _draw_row(row, _logs(row, out, results), scores, losses, COLOURS[i % len(COLOURS)], STYLES[i // len(COLOURS)])
        for i, row in enumerate(experiment.rows)
    ]
    if not any(drawn):
        return None
    scores.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    losses.set_yscale("log")
    losses.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    low, high = losses.get_ylim()
    # Over several decades the steps between would stand on one another.
    losses.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if high < LABELLED_RANGE * low else "")
    losses.tick_params(which="minor", labelsize=8)
    for axes in (scores, losses):
        axes.set_xlabel("share of the run", fontsize=9)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figure.legend(*scores.get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    figure.suptitle(experiment.title, fontsize=11, x=0.01, ha="left")
    return figure


def _logs(row: Row, out: str, results: Results) -> list[list[dict[str, Any]]]:
    """The metrics of each seed that finished training."""
    paths = (run_folder(out, row.key, seed).metrics for seed in results.seeds(row.key, "training"))
    return [log for log in (read_metrics(path) for path in paths if os.path.exists(path)) if log]


def _draw_row(
    row: Row, logs: Sequence[Sequence[dict[str, Any]]], scores: Axes, losses: Axes, colour: str, style: str
) -> bool:
    for axes, name in ((scores, "nn_accuracy"), (losses, "loss")):
        lines = [[(line["step"], line[name]) for line in log if name in line] for log in logs]
        lines = [line for line in lines if line]
        if not lines:
            continue
        # Seeds log at the same steps, but one that diverged ends early.
        count = min(map(len, lines))
        end = max(line[-1][0] for line in lines)
        steps = np.array([step for step, _ in lines[0][:count]]) / end
        values = np.array([[value for _, value in line[:count]] for line in lines])
        marker = "o" if name == "nn_accuracy" else ""
        axes.plot(
            steps, values.mean(0), style, color=colour, linewidth=1.5, marker=marker, markersize=3, label=row.name
        )
        if len(lines) > 1:
            axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
    return bool(logs)


def progression(results: Results) -> Figure | None:
    """Fig. 1: scores as the four challenges are met one after the other, ours and the paper's, and MAE's beside.

    Returns:
        None if fewer than two stages have scores.

    """
    measures = [name for name in MEASURES if sum(bool(results.values(key, name)) for key, _ in STAGES) > 1]
    if not measures:
        return None
    panels = canvas.panels("progression", 1, len(measures), 1 + 4.3 * len(measures), 4.4)
    figure = panels.figure
    for axes, measure in zip(panels[0], measures, strict=True):
        canvas.style(axes, MEASURES[measure])
        _draw_ours(axes, measure, results)
        _draw_paper(axes, measure)
        axes.set_xlabel("")
        axes.set_xlim(-0.3, len(STAGES) - 0.7)
        axes.set_ylim(0, 100)
        axes.set_ylabel("top-1 accuracy, %", fontsize=9)
        axes.set_xticks(range(len(STAGES)), [name for _, name in STAGES], rotation=30, ha="right")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False
    )
    figure.suptitle("The four challenges, one after the other (Fig. 1)", fontsize=11, x=0.01, ha="left")
    return figure


def _draw_ours(axes: Axes, measure: str, results: Results) -> None:
    places = [place for place, (key, _) in enumerate(STAGES) if results.values(key, measure)]
    found = [[100 * value for value in results.values(STAGES[place][0], measure)] for place in places]
    spread = [statistics.stdev(values) if len(values) > 1 else 0 for values in found]
    means = [statistics.fmean(values) for values in found]
    axes.errorbar(
        places, means, spread, fmt="o-", color=canvas.BLUE, linewidth=1.8, markersize=5, capsize=3, label="here"
    )
    if mae := results.values("mae", measure):
        axes.axhline(100 * statistics.fmean(mae), color=canvas.BLUE, linewidth=1, linestyle=":", label="MAE here")


def _draw_paper(axes: Axes, measure: str) -> None:
    rows = {row.key: row for name in ("table1", "table2", "table3", "table4") for row in EXPERIMENTS[name].rows}
    theirs = [getattr(rows[key].paper, measure) for key, _ in STAGES]
    points = [(place, value) for place, value in enumerate(theirs) if value is not None]
    axes.plot(*zip(*points, strict=True), "s--", color=canvas.ORANGE, linewidth=1.5, markersize=4, label="the paper")
    axes.axhline(getattr(rows["mae"].paper, measure), color=canvas.ORANGE, linewidth=1, linestyle=":",
                 label="MAE in the paper")  # fmt: skip
