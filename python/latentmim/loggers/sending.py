"""Lines to loggers: each gets every step once, and none of them can end a run."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from latentmim._warnings import warn
from latentmim.loggers.protocol import LoggedRun
from latentmim.runs.log import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from latentmim.loggers.protocol import Logger, RunState

__all__ = ["Sending"]

# After a failure a logger is left alone for so many times what the failure took, and for so many seconds at least.
TIMES, AT_LEAST = 20.0, 5.0


class Sending:
    """The loggers of a run, and its loggers.json: what each has kept of it.

    A logger that fails is warned of once. Its lines wait and are sent when it takes them again; it is tried rarely, so
    that one that hangs does not slow the run. What waits at the end is lost to it, and said.

    Examples:
        >>> class Printer:
        ...     def begin(self, run):
        ...         print("begins at step", run.step)
        ...     def log(self, step, metrics):
        ...         print(step, metrics)
        ...     def end(self, state):
        ...         print(state)
        >>> sending = lm.loggers.Sending({"printer": Printer()})
        >>> sending.begin("run", config={}, history=[], logged=0)
        begins at step 0
        >>> sending.log({"step": 1, "loss": 0.75})
        1 {'loss': 0.75}
        >>> sending.end("stopped")
        stopped

    """

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self._lines = [_Lines(name, logger) for name, logger in loggers.items()]

    def begin(self, folder: str, config: dict[str, Any], history: Iterable[Mapping[str, Any]], logged: int) -> None:
        """Begin, or go on.

        Args:
            folder: of the run.
            config: what its config.json holds.
            history: lines up to the step that the run goes on from; none where it is new.
            logged: the last step that was logged before.

        """
        if not self._lines:
            return
        lines = list(history)
        step = lines[-1]["step"] if lines else 0
        path = os.path.join(folder, "loggers.json")
        kept = _read(path) if lines else {}
        for one in self._lines:
            own = kept.setdefault(one.name, {})
            name = os.path.basename(os.path.abspath(folder))
            held = one.logger.begin(LoggedRun(folder, name, config, step, max(logged, step), own))
            # Files are written as soon as there is something to go on with: the next logger may raise.
            replace(path, json.dumps(kept, indent=2) + "\n")
            one.begin(lines, max(logged, step) if held is None else held)

    def log(self, metrics: Mapping[str, Any]) -> None:
        """Send a line to each."""
        for one in self._lines:
            one.log(metrics)

    def end(self, state: RunState) -> None:
        """Send what waits, and let each know that the call ends."""
        for one in self._lines:
            one.end(state)


class _Lines:
    """What goes to one logger."""

    def __init__(self, name: str, logger: Logger) -> None:
        self.name = name
        self.logger = logger
        self._is_open = False
        self._held = 0
        self._waiting: deque[tuple[int, dict[str, float]]] = deque()
        self._count = 0
        self._problem = ""
        self._again = -math.inf

    def begin(self, history: Iterable[Mapping[str, Any]], held: int) -> None:
        self._is_open, self._held, self._count, self._problem = True, held, 0, ""
        self._waiting.clear()
        self._again = -math.inf
        for metrics in history:
            self.log(metrics)

    def log(self, metrics: Mapping[str, Any]) -> None:
        if metrics["step"] <= self._held:
            return
        self._count += 1
        numbers = {name: float(value) for name, value in metrics.items() if name != "step" and math.isfinite(value)}
        self._waiting.append((metrics["step"], numbers))
        if time.monotonic() >= self._again:
            self._send()

    def _send(self) -> None:
        while self._waiting:
            start = time.monotonic()
            try:
                self.logger.log(*self._waiting[0])
            except Exception as error:
                now = time.monotonic()
                self._again = now + max(TIMES * (now - start), AT_LEAST)
                return self._tell(error, self._waiting[0][0])
            self._waiting.popleft()

    def _tell(self, error: Exception, step: int) -> None:
        """Warn, of the first failure."""
        is_first, self._problem = not self._problem, f"{type(error).__name__}: {error}"
        if is_first:
            text = f"{self.name}: step {step} was not taken ({self._problem}); training goes on, and it is tried again"
            warn(text, RuntimeWarning)

    def end(self, state: RunState) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._send()
        try:
            self.logger.end(state)
        except Exception as error:
            self._problem = f"{type(error).__name__}: {error}"
            print(f"{self.name}: could not be ended ({self._problem})", file=sys.stderr)
        if self._waiting:
            lost = f"{len(self._waiting):,} of {self._count:,} lines were lost to it ({self._problem})"
            print(f"{self.name}: {lost}; metrics.jsonl has them all", file=sys.stderr)


def _read(path: str) -> dict[str, dict[str, str]]:
    """What loggers have kept; nothing where the file is not there or damaged, with a warning then."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if all(isinstance(text, str) for kept in found.values() for text in kept.values()):
            return dict(found)
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        pass
    warn(f"{path}: is damaged; loggers begin new runs", RuntimeWarning)
    return {}
