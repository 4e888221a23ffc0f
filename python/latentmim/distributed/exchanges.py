"""What the core calls to reach other ranks: mpi4py."""

from __future__ import annotations

from typing import Any

__all__ = ["Exchanges"]

# What MPI keeps a communicator's exchanges under.
_key: int | None = None


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

    @classmethod
    def over(cls, comm: Any) -> Exchanges:
        """Those of a communicator, made once: there are not many communicators to be had."""
        from mpi4py import MPI

        global _key
        if _key is None:
            _key = MPI.Comm.Create_keyval()
        if (found := comm.Get_attr(_key)) is None:
            found = cls(comm)
            comm.Set_attr(_key, found)
        exchanges: Exchanges = found
        return exchanges

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
