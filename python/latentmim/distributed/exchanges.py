"""What the core calls to reach other ranks: mpi4py."""

from __future__ import annotations

from typing import Any

__all__ = ["Exchanges"]


class Exchanges:
    """What the core calls to reach other ranks. All memory is flat, so that MPI, which knows no order of axes, cannot
    mistake it.
    """

    SUM, GATHER = 0, 1

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        # Whatever else is sent over `comm` cannot be taken for ours.
        self._comm = comm.Dup()
        self._running: dict[int, Any] = {}
        self._started = 0

    def start(self, kind: int, sent: memoryview | None, received: memoryview) -> int:
        """Start an exchange; its number."""
        if kind == self.SUM:
            request = self._comm.Iallreduce(self._mpi.IN_PLACE, [received, self._mpi.FLOAT])
        else:
            exchange = self._comm.Iallgather if kind == self.GATHER else self._comm.Ialltoall
            request = exchange([sent, self._mpi.BYTE], [received, self._mpi.BYTE])
        self._started += 1
        self._running[self._started] = request
        return self._started

    def finish(self, number: int, waits: bool) -> bool:
        """Whether an exchange has ended."""
        if waits:
            self._running[number].Wait()
        elif not self._running[number].Test():
            return False
        del self._running[number]
        return True
