"""What was found so far, a line of JSON for each number, so that an interrupted study goes on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentmim import _arrays

if TYPE_CHECKING:
    from latentmim._arrays import PathLike

__all__ = ["Found", "Results"]


@dataclass(frozen=True)
class Found:
    """A number, or why there is none.

    Attributes:
        value: the number; None after a failure.
        failure: empty, or "refused: …" or "diverged: …".
        seconds: that it took.

    Examples:
        >>> from latentmim.reproduce.results import Found
        >>> Found(0.775).value
        0.775

    """

    value: float | None
    failure: str = ""
    seconds: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether trying again is useless: the same run diverges again; what was refused may be possible one day."""
        return not self.failure.startswith("refused")


class Results:
    """The numbers of a study by row, seed and measure. The last line about one counts.

    Args:
        path: of the file; read if it is there, and every number is added to it.

    Raises:
        ValueError: a line is damaged; a last line that a crash cut off is left out.

    """

    def __init__(self, path: PathLike) -> None:
        self.path = _arrays.path(path)
        self._found: dict[tuple[str, int, str], Found] = {}
        if os.path.exists(self.path):
            self._read()

    def _read(self) -> None:
        with open(self.path, "rb") as file:
            content = file.read()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                entry: dict[str, Any] = json.loads(line)
                key = (str(entry["row"]), int(entry["seed"]), str(entry["measure"]))
                self._found[key] = Found(entry["value"], entry["failure"], entry["seconds"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path}, line {number}: {error}") from None
        if whole < len(content):
            with open(self.path, "r+b") as file:
                file.truncate(whole)

    def record(self, row: str, seed: int, measure: str, found: Found) -> None:
        """Keep a number, here and in the file."""
        self._found[row, seed, measure] = found
        line = {"row": row, "seed": seed, "measure": measure, **found.__dict__}
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def get(self, row: str, seed: int, measure: str) -> Found | None:
        """What was found, if anything."""
        return self._found.get((row, seed, measure))

    def seeds(self, row: str, measure: str) -> list[int]:
        """The seeds with this measure of a row, failures included."""
        return sorted(seed for name, seed, what in self._found if (name, what) == (row, measure))

    def values(self, row: str, measure: str) -> list[float]:
        """The numbers of a row, one for each seed that has one."""
        found = (self._found[row, seed, measure].value for seed in self.seeds(row, measure))
        return [value for value in found if value is not None]

    def failures(self, row: str, measure: str) -> dict[int, str]:
        """By seed, why a number is missing; without the training there is no score."""
        reasons = {}
        for what in (measure, "training"):
            for seed in self.seeds(row, what):
                if reason := self._found[row, seed, what].failure:
                    reasons[seed] = reason
        return dict(sorted(reasons.items()))

    def seconds(self, row: str, seed: int) -> float:
        """All that a row took with one seed, as far as it was measured."""
        return sum(found.seconds for (name, number, _), found in self._found.items() if (name, number) == (row, seed))
