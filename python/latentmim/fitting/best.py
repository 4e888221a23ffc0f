"""The best state of a run by a score: what is measured for it, and whether it beats all before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.data import Dataset
    from latentmim.encoder import Encoder
    from latentmim.evaluate import WithoutLabels
    from latentmim.history import Metrics

__all__ = ["Best", "SaveBest"]

SaveBest: TypeAlias = Literal["nn", "rankme", "lidar", "alpha"]

# The name in the log of each score.
NAMES: dict[SaveBest, str] = {"nn": "nn_accuracy", "rankme": "rankme", "lidar": "lidar", "alpha": "alpha"}
# What the log calls the similarity that belongs to a rank.
SIMILARITY = "features_similarity"


class Best:
    """The best score so far.

    The log remembers it: scored steps have the best so far under `best_…`. A state that looks collapsed has no say, by
    whatever score; a rank's own similarity decides, too.

    Args:
        by: the score.
        data: whose images are scored.

    Attributes:
        value: the best score so far; None before there is one.
        scores: how many states were scored, those that looked collapsed among them.

    Examples:
        >>> from latentmim.fitting import Best
        >>> sorted(Best("rankme", photos).names)
        ['features_similarity', 'rankme']

    """

    def __init__(self, by: SaveBest, data: Dataset) -> None:
        if by not in get_args(SaveBest):
            raise ValueError(f"save_best: is {by!r}, wanted one of {', '.join(map(repr, get_args(SaveBest)))}")
        self.by = by
        self.name = NAMES[by]
        self.value: float | None = None
        self.scores = 0
        self._data = data
        self._found: WithoutLabels | None = None

    @property
    def names(self) -> list[str]:
        """What `measure` adds to a step's metrics."""
        return [] if self.by == "nn" else [self.name, SIMILARITY]

    def measure(self, encoder: Encoder, comm: Any = None) -> Metrics:
        """Score an encoder without labels, ranks together; nothing for "nn", which is measured anyway."""
        from latentmim.evaluate import without_labels

        if self.by == "nn":
            return {}
        views = None if self.by == "lidar" else 0
        layer = encoder.config.depth
        found = without_labels(encoder, self._data, views=views, layer=layer, progress=False, comm=comm)
        self._found = found
        value = found.lidar if self.by == "lidar" else getattr(found, self.by)
        return {self.name: math.nan if value is None else value, SIMILARITY: found.similarity}

    def note(self, metrics: Metrics, looks_collapsed: bool) -> bool:
        """Whether a scored step is the best so far; adds the best to its metrics.

        Args:
            metrics: of the step, the score among them.
            looks_collapsed: whether it crossed a threshold of the run.

        """
        self.scores += 1
        is_collapsed = looks_collapsed or (self._found is not None and self._found.is_collapsed)
        is_best = not is_collapsed and self._is_better(metrics[self.name])
        if is_best:
            self.value = metrics[self.name]
        if self.value is not None:
            metrics[f"best_{self.name}"] = self.value
        return is_best

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.value is None:
            return True
        # An α is the better the nearer it is to 1.
        return abs(value - 1) < abs(self.value - 1) if self.by == "alpha" else value > self.value

    def resume(self, history: Sequence[Metrics], kept: int | None) -> bool:
        """Remember the best of a run that is gone on with; where that state is there no more, the best begins anew.

        Args:
            history: its steps.
            kept: the step of the state that was kept as the best; None where there is none.

        Returns:
            Whether the last of them is the best.

        """
        self.value, is_last = None, False
        for line in history:
            is_last = False
            if (value := line.get(f"best_{self.name}")) is not None and math.isfinite(value):
                is_last = line.get(self.name) == value and value != self.value
                self.value = value
        if not is_last and not self._is_of(kept, history):
            self.value = None
        return is_last

    def _is_of(self, kept: int | None, history: Sequence[Metrics]) -> bool:
        """Whether the state of a step has the best score, by all that the log still says of it."""
        of_kept = (line.get(self.name) for line in history if line["step"] == kept)
        return kept is not None and next(of_kept, self.value) == self.value
