"""The protocols of `latentmim evaluate`: a `Runner` each, in a file of its own or, of those alike, in `scores`."""

from __future__ import annotations

from latentmim.commands.evaluating import davis, duplicates, scores, without_labels
from latentmim.commands.evaluating.runner import Runner

__all__ = ["RUNNERS", "Runner"]

RUNNERS: dict[str, Runner] = scores.RUNNERS | {
    "without_labels": without_labels.RUNNER,
    "davis": davis.RUNNER,
    "duplicates": duplicates.RUNNER,
}
