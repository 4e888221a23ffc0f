"""Runs that end by the clock: a time is read, spent, and the schedules are brought to their end when it is over."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentmim.progress import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim.steps import Steps

__all__ = ["Budget", "Plan", "exact", "now", "read_budget"]

UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")

# Shares of the budget after which the schedules are laid anew; in the last of them it is done every step.
LOOKS, LAST_LOOKS = 0.02, 0.06


def now() -> float:
    """Seconds by a clock that only goes forward.

    Examples:
        >>> from latentmim.budgets import now
        >>> now() <= now()
        True

    """
    return time.monotonic()


def read_budget(budget: str | float) -> float:
    """A time in seconds.

    Args:
        budget: numbers with units, "2h", "1 h 30 min", "90s", "0.5 days"; or a number of seconds.

    Raises:
        ValueError: anything else, no time at all or one without end.

    Examples:
        >>> from latentmim.budgets import read_budget
        >>> read_budget("1h30m"), read_budget("90 min"), read_budget(20)
        (5400.0, 5400.0, 20.0)

    """
    wanted = "wanted a time above 0: '90s', '20 min', '2h', '1h30m', '2 days', or a number of seconds"
    seconds = math.nan
    if isinstance(budget, str):
        parts = [(float(number), _unit(name)) for number, name in PART.findall(budget.lower())]
        if parts and PART.sub("", budget.lower()) == "":
            seconds = sum(number * unit for number, unit in parts)
    elif isinstance(budget, int | float) and not isinstance(budget, bool):
        seconds = float(budget)
    if not 0 < seconds < math.inf:
        raise ValueError(f"budget: is {budget!r}, {wanted}")
    return seconds


def exact(seconds: float) -> str:
    """A time, short ones to the second: "100 s", "2 h 0 min".

    Examples:
        >>> from latentmim.budgets import exact
        >>> exact(5400), exact(61.5)
        ('1 h 30 min', '62 s')

    """
    return f"{round(seconds)} s" if seconds < 600 else duration(seconds)


def _unit(name: str) -> float:
    """Seconds of a unit; nan where there is none of that name."""
    return UNITS.get(name, UNITS.get(name.removesuffix("s").removesuffix("ond").removesuffix("ute"), math.nan))


class Budget:
    """The time of a run, from when this is made on; time between a run's calls does not count.

    A run's schedules end after so many steps as there is time for. How many that is follows from the speed of the steps
    lately, at every fiftieth of the time and at every step towards its end: from where they stand the schedules then go
    evenly to their end there. Between two such looks everything follows from seed and step.

    Args:
        seconds: what the run may take in all.

    Examples:
        >>> from latentmim.budgets import Budget
        >>> budget = Budget(3600)
        >>> budget.spent < 60 and budget.left > 3500
        True

    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._before = 0.0
        self._start = now()
        self._training_from = 0.0
        self._next_look = 0.0
        self._step_seconds = 0.0
        # Steps and their seconds of each of the last looks, the one that is going on last.
        self._paces: deque[list[float]] = deque([[0, 0.0]], maxlen=6)
        self._endings = {"score": 0.0, "save": 0.0}

    @property
    def spent(self) -> float:
        """Seconds that the run has taken."""
        return self._before + now() - self._start

    @property
    def left(self) -> float:
        """Seconds that it may still take."""
        return self.seconds - self.spent

    def begin(self, trainer: Steps, seconds_per_step: float | None, earlier: float | None) -> None:
        """Lay the schedules of a run that begins, or goes on.

        Args:
            trainer: of the run, as it was resumed.
            seconds_per_step: by a forecast; None where the run goes on.
            earlier: the budget that the run had until now; None where it is new.

        Raises:
            ValueError: the run has taken more than the budget already.

        """
        state = trainer.state
        self._before = state.seconds
        progress = state.progress
        if earlier is not None and self.seconds != earlier:
            if self.left <= 0:
                raise ValueError(
                    f"budget: is {exact(self.seconds)}, and the run has taken {exact(self.spent)}; wanted more"
                )
            progress = self.spent / self.seconds
            seconds_per_step = self.spent / max(state.step, 1)
        total = state.total_steps
        if seconds_per_step is not None:
            total = state.step + max(1, math.floor(self.left / seconds_per_step))
        elif self.left <= 0:
            total = max(state.step, 1)
        self._reschedule(trainer, progress, total)
        # What is expected counts as one look: a first step that takes long says little.
        expected = LOOKS * self.seconds
        self._paces.appendleft([expected * (total - state.step) / max(self.left, expected), expected])
        self._training_from = self.spent
        self._next_look = self.spent + LOOKS * self.seconds

    def after_step(self, trainer: Steps, seconds: float) -> None:
        """Count a step, and look whether the schedules must be laid anew.

        Args:
            trainer: which has made the step.
            seconds: what it took.

        """
        self._step_seconds += seconds
        self._paces[-1][0] += 1
        self._paces[-1][1] += seconds
        spent = self.spent
        if spent < min(self._next_look, (1 - LAST_LOOKS) * self.seconds):
            return
        state = trainer.state
        self._reschedule(trainer, state.progress, state.step + self._steps_left(spent))
        if spent >= self._next_look:
            self._next_look = spent + LOOKS * self.seconds
            self._paces.append([0, 0.0])

    def _steps_left(self, spent: float) -> int:
        """Steps that there is time for, beside what else is done between them and at the end."""
        steps, seconds = (sum(values) for values in zip(*self._paces, strict=True))
        trained = spent - self._training_from
        share = min(self._step_seconds / trained, 1) if trained > 0 else 1
        left = (self.seconds - spent - sum(self._endings.values())) * share
        return max(0, round(left * steps / seconds)) if seconds > 0 else 1

    def hold(self, trainer: Steps) -> None:
        """Let the trainer know what was spent, for the checkpoint that is written next."""
        state = trainer.state
        self._reschedule(trainer, state.progress, state.total_steps)

    def _reschedule(self, trainer: Steps, progress: float, total: int) -> None:
        trainer._reschedule(progress, total, self.spent)

    @contextlib.contextmanager
    def measures(self, what: str) -> Iterator[None]:
        """While entered, something is done that the end of the run will ask for, too: a "score", a "save"."""
        start = now()
        yield
        self._endings[what] = max(now() - start, self._endings[what] / 2)


@dataclass(frozen=True)
class Plan:
    """What was chosen for a run with a budget, to be kept in its config.json.

    Attributes:
        budget: its time.
        model: name of the candidate.
        epochs: as its `Trainer` takes them; the whole number above `passes`.
        passes: over the data, as forecast.
        seconds_per_step: as forecast; None where an earlier run goes on.
        earlier: the run's budget until now, in seconds; None where it is new.

    Examples:
        >>> from latentmim.budgets import Budget, Plan
        >>> Plan(Budget(3600), model="small", epochs=20, passes=19.5).epochs
        20

    """

    budget: Budget
    model: str
    epochs: int
    passes: float
    seconds_per_step: float | None = None
    earlier: float | None = None

    @classmethod
    def of_run(cls, kept: dict[str, Any], budget: Budget) -> Plan:
        """The plan of an earlier run, with what its config.json has kept of it."""
        return cls(budget, str(kept.get("model")), kept["epochs"], kept["passes"], earlier=kept["seconds"])

    def to_dict(self) -> dict[str, Any]:
        """What config.json keeps."""
        return {
            "seconds": self.budget.seconds, "model": self.model, "epochs": self.epochs, "passes": self.passes,
        }  # fmt: skip

    def begin(self, trainer: Steps) -> None:
        """Lay the schedules of the run. Raises ValueError as `Budget.begin`."""
        self.budget.begin(trainer, self.seconds_per_step, self.earlier)
