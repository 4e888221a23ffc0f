"""How far scores without labels order the runs of a study as scores with labels do."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING

from latentmim import _latentmim as _native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latentmim.evaluate import WithoutLabels
    from latentmim.reproduce.results import Results
    from latentmim.reproduce.rows import Experiment

__all__ = ["LABELLED", "MEASURES", "kendall", "page", "scores", "spearman"]

# Name in the results → title, and the score that is the higher the better the runs should be.
SIMILARITY = "features_similarity"
MEASURES: dict[str, tuple[str, Callable[[float], float]]] = {
    "rankme": ("RankMe", lambda value: value),
    "features_rank": ("effective rank", lambda value: value),
    "lidar": ("LiDAR", lambda value: value),
    "alpha": ("−\\|α − 1\\|", lambda value: -abs(value - 1)),
    SIMILARITY: ("−similarity", lambda value: -value),
}
LABELLED = {"nn": "NN", "linear": "Linear"}
# Orders of fewer runs say nothing.
FEWEST = 4


def scores(found: WithoutLabels) -> dict[str, float]:
    """What is recorded of a trained encoder, by name.

    Examples:
        >>> from latentmim.reproduce.unlabelled import scores
        >>> sorted(scores(lm.evaluate.without_labels(encoder, photos, progress=False)))
        ['alpha', 'features_rank', 'features_similarity', 'lidar', 'rankme']

    """
    assert found.lidar is not None
    return {
        "rankme": found.rankme, "features_rank": found.effective_rank, "lidar": found.lidar, "alpha": found.alpha,
        SIMILARITY: found.similarity,
    }  # fmt: skip


def page(experiments: Sequence[Experiment], results: Results, setting: str) -> str:
    """Correlations of each experiment and of all runs, and the scores they are of; empty where too few were scored.

    Args:
        experiments: whose rows are the runs.
        results: of them.
        setting: images, sizes and epochs of the runs, in sentences: what is found holds for such runs.

    """
    keys = list(dict.fromkeys(row.key for experiment in experiments for row in experiment.rows))
    runs = _runs(keys, results)
    if len(runs) < FEWEST:
        return ""
    sets = {experiment.name: {row.key for row in experiment.rows} for experiment in experiments}
    groups = {name: [run for run in runs if run["key"] in keys_of] for name, keys_of in sets.items()}
    groups = {name: group for name, group in groups.items() if len(group) >= FEWEST} | {"all": runs}
    parts = [
        "# Scores without labels, and scores with them",
        f"{setting} {_seeds(runs, results)} What stands here is of runs of this size and length; it says nothing of "
        "longer ones, of larger encoders or of other images.",
        "Correlations over the runs of each table, Spearman's ρ / Kendall's τ: 1 is the same order, −1 the reverse, 0 "
        "no relation. The scores without labels are of all held-out images, behind the last block as NN's features; "
        "LiDAR is of 10 crops. “Judged with similarity”: runs whose mean cosine between images is above "
        f"{_native.collapsed_similarity()} come last, whatever their rank.",
        *(_correlations(groups, labelled) for labelled in LABELLED),
        "## The runs",
        _table(runs),
    ]
    return "\n\n".join(parts) + "\n"


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """ρ, ties at their mean rank; nan where all of one are equal.

    Examples:
        >>> from latentmim.reproduce.unlabelled import spearman
        >>> spearman([1, 2, 3, 4], [1, 3, 2, 4])
        0.8

    """
    return _pearson(_ranks(first), _ranks(second))


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """τ-b, which takes ties into account; nan where all of one are equal.

    Examples:
        >>> from latentmim.reproduce.unlabelled import kendall
        >>> kendall([1, 2, 3, 4], [1, 3, 2, 4])
        0.6666666666666666

    """
    agreement, untied = 0, [0, 0]
    for one, other in itertools.combinations(range(len(first)), 2):
        signs = [(values[one] > values[other]) - (values[one] < values[other]) for values in (first, second)]
        agreement += signs[0] * signs[1]
        untied = [count + abs(sign) for count, sign in zip(untied, signs, strict=True)]
    return agreement / math.sqrt(untied[0] * untied[1]) if all(untied) else math.nan


def _runs(keys: Sequence[str], results: Results) -> list[dict[str, str | float]]:
    """Means over seeds of the rows that have every score."""
    names = [*LABELLED, *MEASURES]
    found = []
    for key in keys:
        values = {name: results.values(key, name) for name in names}
        if all(values.values()):
            found.append({"key": key} | {name: statistics.fmean(values[name]) for name in names})
    return found


def _seeds(runs: list[dict[str, str | float]], results: Results) -> str:
    counts = {len(results.values(str(run["key"]), "nn")) for run in runs}
    fewest, most = min(counts), max(counts)
    many = f"{fewest} to {most} seeds" if fewest < most else "one seed" if most == 1 else f"{most} seeds"
    return f"Each run is of {many}."


def _correlations(groups: dict[str, list[dict[str, str | float]]], labelled: str) -> str:
    head = [LABELLED[labelled], "runs", "", *(title for title, _ in MEASURES.values())]
    lines = []
    for name, runs in groups.items():
        lines.append([name, str(len(runs)), "alone", *(_cell(runs, labelled, measure) for measure in MEASURES)])
        if any(_is_collapsed(run) for run in runs):
            together = [_cell(runs, labelled, measure, with_similarity=True) for measure in MEASURES]
            lines.append(["", "", "judged with similarity", *together])
    return f"## Against {LABELLED[labelled]}\n\n{_markdown(head, lines)}"


def _cell(runs: list[dict[str, str | float]], labelled: str, measure: str, *, with_similarity: bool = False) -> str:
    better = MEASURES[measure][1]
    truth = [float(run[labelled]) for run in runs]
    told = [
        -math.inf if with_similarity and _is_collapsed(run) else better(float(run[measure])) for run in runs
    ]  # fmt: skip
    return f"{spearman(told, truth):.2f} / {kendall(told, truth):.2f}"


def _is_collapsed(run: dict[str, str | float]) -> bool:
    return float(run[SIMILARITY]) > _native.collapsed_similarity()


def _table(runs: list[dict[str, str | float]]) -> str:
    percent = [f"{title}, %" for title in LABELLED.values()]
    head = ["run", *percent, "RankMe", "effective rank", "LiDAR", "α", "similarity"]
    lines = [
        [str(run["key"]), *(f"{100 * float(run[name]):.1f}" for name in LABELLED),
         *(f"{float(run[name]):.1f}" for name in ("rankme", "features_rank", "lidar")),
         f"{float(run['alpha']):.2f}", f"{float(run[SIMILARITY]):.3f}"]
        for run in sorted(runs, key=lambda run: -float(run["nn"]))
    ]  # fmt: skip
    return _markdown(head, lines)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ranks(values: Sequence[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def _pearson(first: Sequence[float], second: Sequence[float]) -> float:
    try:
        return statistics.correlation(first, second)
    except statistics.StatisticsError:
        return math.nan
