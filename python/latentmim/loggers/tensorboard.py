"""TensorBoard's event files, `tensorboard/` in the folder of a run.

Written by TensorBoard's own writer, which PyTorch's SummaryWriter is built on: who wants to look at the files has the
package. Values are of 32 bits there.
"""

from __future__ import annotations

import glob
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim.loggers.protocol import LoggedRun, RunState

__all__ = ["TensorBoard"]

# What the names of our files end in: others in the folder are left alone.
ENDING = ".latentmim"


class TensorBoard:
    """Scalars by the names of metrics. Where a run goes on from an earlier step, later events are taken out.

    Examples:
        >>> lm.loggers.NAMED["tensorboard"].kind
        'TensorBoard'

    """

    _writer: Any

    def begin(self, run: LoggedRun) -> int:
        """Open a file, with the events up to `run.step` that are there."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = os.path.join(run.folder, "tensorboard")
        earlier = sorted(glob.glob(os.path.join(glob.escape(folder), f"events.out.tfevents.*{ENDING}")))
        kept = [event for path in earlier for event in _events(path) if 0 < event.step <= run.step]
        self._writer = EventFileWriter(folder, filename_suffix=ENDING)
        for event in kept:
            self._writer.add_event(event)
        self._writer.flush()
        for path in earlier:
            os.remove(path)
        return max((int(event.step) for event in kept), default=0)

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Write a line, through to the disk's cache: what was logged outlasts the process."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._writer.flush()

    def end(self, state: RunState) -> None:
        """Close the file."""
        self._writer.close()


def _events(path: str) -> Iterator[Any]:
    """The whole events of a file; one that a crash cut off ends it."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    for record in RawEventFileLoader(path).Load():
        yield Event.FromString(record)
