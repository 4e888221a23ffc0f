"""trackio: its local database (TRACKIO_DIR), or the Space or server that its environment variables name."""

from __future__ import annotations

import contextlib
import sys
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentmim.loggers.protocol import LoggedRun, RunState

__all__ = ["Trackio"]


class Trackio:
    """A run of the project "latentmim". Runs go on by name there, so each gets one of its own: that of the folder and
    eight digits.

    Examples:
        >>> lm.loggers.NAMED["trackio"].kind
        'Trackio'

    """

    _run: Any

    def begin(self, run: LoggedRun) -> int | None:
        """Begin, or resume. trackio ends the run of this process that is there already."""
        import trackio

        run.kept.setdefault("name", f"{run.name}-{uuid.uuid4().hex[:8]}")
        # What it prints belongs beside the run's own messages, not into what a command gives.
        with contextlib.redirect_stdout(sys.stderr):
            self._run = trackio.init("latentmim", run.kept["name"], config=run.config, resume="allow", embed=False)
        following = getattr(self._run, "_next_step", None)
        return None if following is None else max(int(following) - 1, 0)

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Hand a line to its thread."""
        self._run.log(metrics, step=step)

    def end(self, state: RunState) -> None:
        """Wait until everything is written."""
        with contextlib.redirect_stdout(sys.stderr):
            self._run.finish()
