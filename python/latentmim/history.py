"""The steps of a run, shown in a few lines."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["History", "Metrics"]

Metrics: TypeAlias = dict[str, Any]

# What a notebook shows of a run: (metric, what it is called, format).
SHOWN = (
    ("loss", "loss", ".3f"),
    ("similarity_images", "similarity between images", ".3f"),
    ("effective_rank", "effective rank", ".1f"),
    ("learning_rate", "learning rate", ".2e"),
    ("images_per_second", "images a second", ".1f"),
    ("nn_accuracy", "nearest-neighbour accuracy", ".1%"),
)


class History(list[Metrics]):
    """A list of one dict a step. Printed, or shown in a notebook, it is a summary; `list(history)` shows all of it.

    Args:
        lines: the steps.
        total: steps of the whole run.
        chance: the loss of predictions that know nothing; nan where there is no such level.
        folder: where the run lies; None where it is written nowhere.

    Examples:
        >>> from latentmim.history import History
        >>> History([{"step": 1, "loss": 1.5}, {"step": 2, "loss": 1.25}], total=4, chance=1.6)
        History: step 2 of 4; loss 1.500 → 1.250 (chance 1.600)

    """

    def __init__(
        self, lines: Iterable[Metrics] = (), *, total: int = 0, chance: float = math.nan, folder: str | None = None
    ) -> None:
        super().__init__(lines)
        self.total = total
        self.chance = chance
        self.folder = folder

    def until(self, step: int) -> History:
        """The same up to a step."""
        return self.of_lines(line for line in self if line["step"] <= step)

    def of_lines(self, lines: Iterable[Metrics]) -> History:
        """Other steps of the same run."""
        return History(lines, total=self.total, chance=self.chance, folder=self.folder)

    @property
    def _title(self) -> str:
        done = f"step {self[-1]['step']:,} of {self.total:,}" if self else f"no steps of {self.total:,} yet"
        return f"History: {done}{f', in {self.folder}' if self.folder else ''}"

    def __repr__(self) -> str:
        if not self:
            return self._title
        level = "" if math.isnan(self.chance) else f" (chance {self.chance:.3f})"
        parts = [f"loss {self[0].get('loss', math.nan):.3f} → {self[-1].get('loss', math.nan):.3f}{level}"]
        if scores := [line["nn_accuracy"] for line in self if "nn_accuracy" in line]:
            parts.append(f"nearest-neighbour accuracy {scores[-1]:.1%}")
        return f"{self._title}; {', '.join(parts)}"

    def _repr_html_(self) -> str:
        rows = []
        for name, title, form in SHOWN:
            if values := [line[name] for line in self if name in line]:
                rows.append(f"<tr><th>{title}</th><td>{values[0]:{form}}</td><td>{values[-1]:{form}}</td></tr>")
        head = "<tr><th></th><th>first</th><th>last</th></tr>" if rows else ""
        return f"<table><caption>{html.escape(self._title)}</caption>{head}{''.join(rows)}</table>"
