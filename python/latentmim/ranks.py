"""Several processes that train one model together, over MPI: ranks, of which rank 0 alone writes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from latentmim import _latentmim as _native
from latentmim import runtime
from latentmim.diagnostics import CollapseError
from latentmim.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray
    from latentmim._rows import Compute
    from latentmim.training import Trainer

__all__ = ["Ranks", "Wire", "world"]

Wire: TypeAlias = Literal["float32", "bf16"]

# What ends a run of several ranks as Ctrl-C does one of a single process. Launchers and batch systems pass some on.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

# What a step raises on all ranks alike.
SHARED = (CollapseError, FloatingPointError)


def world() -> Any:
    """The communicator of all processes where a launcher of MPI started several; else None.

    Raises:
        ImportError: there are several, and mpi4py is not installed.

    """
    given = os.environ.get
    sizes = [given("OMPI_COMM_WORLD_SIZE"), given("PMI_SIZE"), given("SLURM_NTASKS") if given("PMIX_RANK") else None]
    if not any(size is not None and size.isdigit() and int(size) > 1 for size in sizes):
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        problem = "several processes were started by a launcher of MPI, and mpi4py cannot be used"
        raise ImportError(f"{problem} ({error}); wanted: pip install 'latentmim[mpi]'") from None
    return MPI.COMM_WORLD


class Ranks:
    """The ranks that train together, or a process alone.

    Args:
        comm: an intracommunicator of mpi4py; None for a process alone.

    Attributes:
        rank: the number of this process.
        size: how many there are.

    """

    def __init__(self, comm: Any = None) -> None:
        if comm is not None:
            from mpi4py import MPI

            if not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
                raise TypeError(f"comm: is {type(comm).__name__}, wanted an intracommunicator of mpi4py, or None")
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self._comm: Any = comm if self.size > 1 else None
        self._exchanges = None if self._comm is None else Exchanges(comm)
        self._leads = False

    @property
    def is_root(self) -> bool:
        """Whether this is the rank that writes and prints."""
        return self.rank == 0

    def join(self, trainer: Any, wire: Wire) -> None:
        """Make the trainer behind a handle one of all ranks'."""
        if self._exchanges is not None:
            _native.trainer_join(trainer, self._exchanges, self.rank, self.size, wire)

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """What is done inside fails on all ranks where it fails on one; no rank may wait for another inside."""
        problem: Exception | None = None
        try:
            yield
        except Exception as error:
            problem = error
        problems = [problem] if self._comm is None else self._comm.allgather(None if problem is None else str(problem))
        if problem is not None:
            raise problem
        for rank, text in enumerate(problems):
            if text is not None:
                raise ValueError(f"rank {rank}: {text}")

    @contextlib.contextmanager
    def aborting(self, *but: type[Exception]) -> Iterator[None]:
        """What is raised inside ends all ranks, because others wait for this one; these kinds, which all ranks raise,
        do not.
        """
        try:
            yield
        except but:
            raise
        except BaseException as error:
            if self._comm is not None:
                where = f"rank {self.rank} of {self.size}, process {os.getpid()} on {os.uname().nodename}"
                problem = f"{type(error).__name__}: {error}"
                print(f"{traceback.format_exc()}\nlatentmim: {where}: {problem}", file=sys.stderr, flush=True)
                self._comm.Abort(1)
            raise

    def share_processors(self) -> None:
        """Divide processors among the ranks that may run on the same ones, unless a number of threads was set."""
        if self._comm is None or runtime.is_thread_count_set():
            return
        mine = (os.uname().nodename, sorted(os.sched_getaffinity(0)))
        together = self._comm.allgather(mine).count(mine)
        if together > 1:
            _native.set_thread_count(max(1, len(mine[1]) // together))

    def together(self, trainer: Trainer, lead: Callable[[], Any]) -> Any:
        """What rank 0 does, while the others follow it; its result on all ranks."""
        if self._comm is None:
            return lead()
        problem: Exception | None = None
        result: Any = None
        with self.aborting():
            if not self.is_root:
                order, result = self._follow(trainer)
                problem = result if order == "raise" else None
            else:
                self._leads = True
                try:
                    result = lead()
                except Exception as error:
                    # The others wait for an order: what leaves a step halfway has ended all ranks already.
                    problem = error
                self.tell("end" if problem is None else "raise", result if problem is None else problem)
                self._leads = False
        if problem is not None:
            raise problem
        return result

    def filling(self, compute: Compute, width: int, lead: Callable[[Compute], Any]) -> Any:
        """What rank 0 makes of rows that all ranks compute; its result on all ranks.

        Args:
            compute: fills rows of these numbers; the same on all ranks.
            width: numbers in a row.
            lead: called on rank 0 with what fills rows together.

        """
        if self._comm is None:
            return lead(compute)

        def fill_own(numbers: NDArray[np.int64]) -> tuple[Exception | None, FloatArray]:
            own = np.array_split(numbers, self.size)[self.rank]
            rows = np.empty((len(own), width), np.float32)
            try:
                if len(own):
                    compute(own, rows)
            except Exception as error:
                return error, rows[:0]
            return None, rows

        def fill(numbers: NDArray[np.int64], rows: FloatArray) -> None:
            self._comm.bcast(numbers, root=0)
            found = self._comm.gather(fill_own(numbers), root=0)
            for problem, _ in found:
                if problem is not None:
                    raise problem
            np.concatenate([part for _, part in found], out=rows)

        result, problem = None, None
        with self.aborting():
            if self.is_root:
                try:
                    result = lead(fill)
                except (Exception, KeyboardInterrupt) as error:
                    problem = error
                self._comm.bcast(None, root=0)
            else:
                with self.interrupts():
                    while (numbers := self._comm.bcast(None, root=0)) is not None:
                        self._comm.gather(fill_own(numbers), root=0)
            result, problem = self._comm.bcast((result, problem), root=0)
        if problem is not None:
            raise problem
        return result

    def tell(self, order: str, value: Any = None) -> None:
        """Let the others do the same, where this rank leads them."""
        if self._leads:
            self._comm.bcast((order, value), root=0)

    def is_any(self, flag: bool) -> bool:
        """Whether that is so on any rank."""
        self.tell("ask")
        return flag if self._comm is None else bool(sum(self._comm.allgather(flag)))

    def gather(self, values: list[Any]) -> list[Any]:
        """Those of all ranks, one rank after the other."""
        return values if self._comm is None else [value for own in self._comm.allgather(values) for value in own]

    def interrupts(self) -> Interrupts:
        """What asks a run to end."""
        return Interrupts() if self._comm is None else Interrupts(*SIGNALS)

    def _follow(self, trainer: Trainer) -> tuple[str, Any]:
        """Do what rank 0 tells, until it ends or raises something."""
        with self.interrupts() as interrupts:
            while True:
                order, value = self._comm.bcast(None, root=0)
                if order == "step":
                    # Rank 0 has the same, and decides.
                    with contextlib.suppress(*SHARED):
                        trainer.step()
                elif order == "ask":
                    self.is_any(interrupts.requested)
                elif order == "restore":
                    trainer.restore(value)
                elif order == "reschedule":
                    trainer._reschedule(*value)
                else:
                    return order, value


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
