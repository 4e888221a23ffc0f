"""What a logger is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

__all__ = ["LoggedRun", "Logger", "RunState"]

RunState: TypeAlias = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class LoggedRun:
    """A run that begins or goes on, as loggers see it.

    Attributes:
        folder: of the run.
        name: the last part of its path.
        config: what config.json holds: "model", "training", "data" ….
        step: steps done before; 0 where the run is new.
        logged: the last step that was logged before, in this run's earlier lives: above `step` where a run was killed,
            because it goes on from its last checkpoint.
        kept: what the logger has put here, names and texts, is here again when the run goes on: where it has its run.

    Examples:
        >>> lm.loggers.LoggedRun("runs/first", "first", config={}, step=0, logged=0, kept={}).name
        'first'

    """

    folder: str
    name: str
    config: dict[str, Any]
    step: int
    logged: int
    kept: dict[str, str]


class Logger(Protocol):
    """Takes the lines of a run's log. What `begin` raises ends the run before its first step; what the others raise
    costs a warning, and training goes on.

    Examples:
        >>> class Printer:
        ...     def begin(self, run):
        ...         print("begins at step", run.step)
        ...     def log(self, step, metrics):
        ...         print(step, "loss" in metrics)
        ...     def end(self, state):
        ...         print(state)
        >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14, out="runs/p", loggers=[Printer()])
        >>> _ = trainer.fit()
        begins at step 0
        1 True
        2 True
        finished

    """

    def begin(self, run: LoggedRun) -> int | None:
        """Begin a run, or go on with the one that `run.kept` tells of.

        Returns:
            The last step that is there already: steps up to it are not sent, later ones are, those before `run.step`
            too. None stands for `run.logged`.

        """

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Take a line: the number of the step and its metrics by name; those that are not finite are left out."""

    def end(self, state: RunState) -> None:
        """The call that trains ends: the run is "finished", "stopped" by Ctrl-C or a collapse, or has "failed"."""
