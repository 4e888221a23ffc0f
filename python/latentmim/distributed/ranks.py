"""The ranks of a run: what they agree on, how rank 0 leads, and how all end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from latentmim import _latentmim as _native
from latentmim import runtime
from latentmim.diagnostics import CollapseError
from latentmim.distributed.exchanges import Exchanges
from latentmim.distributed.sharing import Sharing
from latentmim.interrupts import HeldInterrupts, Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from latentmim.data import Dataset
    from latentmim.encoder import Encoder

__all__ = ["SHARED", "Ranks", "Wire"]

Wire: TypeAlias = Literal["float32", "bf16"]

# What ends a run of several ranks as Ctrl-C does one of a single process. Launchers and batch systems pass some on.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

# What a step raises on all ranks alike.
SHARED = (CollapseError, FloatingPointError)


class Ranks:
    """The ranks that train together, or a process alone.

    Args:
        comm: an intracommunicator of mpi4py; None for a process alone.

    Attributes:
        rank: the number of this process.
        size: how many there are.
        comm: their communicator; None for a process alone.

    Examples:
        >>> from latentmim.distributed.ranks import Ranks
        >>> Ranks().size
        1

    """

    def __init__(self, comm: Any = None) -> None:
        if comm is not None:
            from mpi4py import MPI

            if not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
                raise TypeError(f"comm: is {type(comm).__name__}, wanted an intracommunicator of mpi4py, or None")
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self.comm: Any = comm if self.size > 1 else None
        self._exchanges = None if self.comm is None else Exchanges.over(comm)
        self._leads = False

    @property
    def is_root(self) -> bool:
        """Whether this is the rank that writes and prints."""
        return self.rank == 0

    def join(self, trainer: Any, wire: Wire) -> None:
        """Make the trainer behind a handle one of all ranks'. Raises ValueError for a wire that is none."""
        if wire not in get_args(Wire):
            raise ValueError(f"wire is {wire!r}, wanted 'float32' or 'bf16'")
        if self._exchanges is not None:
            _native.trainer_join(trainer, self._exchanges, self.rank, self.size, wire)

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """What is done inside fails on all ranks where it fails on one; no rank may wait for another inside."""
        with Sharing(self.comm):
            yield

    @contextlib.contextmanager
    def encoding(self, encoder: Encoder, *data: Dataset) -> Iterator[Encoder]:
        """The encoder by which all ranks encode the images of data sets together, each its share, and all get all rows,
        the same bits as one process. All do the same inside; what one raises is raised on all.

        Args:
            encoder: the same on all.
            data: what will be encoded, the same on all.

        Raises:
            ValueError: a rank has another encoder, other images or another instruction set.

        """
        if self.comm is None:
            yield encoder
            return
        self.share_processors()
        with Sharing(self.comm):
            found = self.comm.allgather([_native.dataset_fingerprint(images._handle) for images in data])
        if (other := next((rank for rank, images in enumerate(found) if images != found[0]), None)) is not None:
            raise ValueError(f"rank {other} has other images than rank 0")
        with HeldInterrupts():
            joined = encoder._joined(self._exchanges, self.rank, self.size)
            try:
                yield joined
            except BaseException as error:
                # The others hear of it where they are; what they say does not count any more.
                with contextlib.suppress(BaseException):
                    _native.encoder_settle(joined._handle, error)
                raise
            _native.encoder_settle(joined._handle, None)

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
            if self.comm is not None:
                where = f"rank {self.rank} of {self.size}, process {os.getpid()} on {os.uname().nodename}"
                problem = f"{type(error).__name__}: {error}"
                print(f"{traceback.format_exc()}\nlatentmim: {where}: {problem}", file=sys.stderr, flush=True)
                self.comm.Abort(1)
            raise

    def share_processors(self) -> None:
        """Divide processors among the ranks that may run on the same ones, unless a number of threads was set."""
        if self.comm is None:
            return
        mine = (os.uname().nodename, sorted(os.sched_getaffinity(0)))
        together = self.comm.allgather(mine).count(mine)
        if together > 1 and not runtime.is_thread_count_set():
            _native.set_thread_count(max(1, len(mine[1]) // together))

    def together(self, lead: Callable[[], Any], orders: Mapping[str, Callable[..., Any]]) -> Any:
        """What rank 0 does, while the others follow it; its result on all ranks.

        Args:
            lead: called on rank 0.
            orders: what the others call when rank 0 tells them to, by its name.

        """
        if self.comm is None:
            return lead()
        problem: Exception | None = None
        result: Any = None
        with self.aborting():
            if not self.is_root:
                order, result = self._follow(orders)
                problem = result if order == "raise" else None
            else:
                self._leads = True
                try:
                    result = lead()
                except Exception as error:
                    # The others wait for an order: what leaves a step halfway has ended all ranks already.
                    problem = error
                self.tell(*(("end", result) if problem is None else ("raise", problem)))
                self._leads = False
        if problem is not None:
            raise problem
        return result

    def tell(self, order: str, *values: Any) -> None:
        """Let the others do the same with these values, where this rank leads them."""
        if self._leads:
            self.comm.bcast((order, values), root=0)

    def decided(self, value: Any) -> Any:
        """What rank 0 has, on all; they all ask."""
        return value if self.comm is None else self.comm.bcast(value, root=0)

    def is_any(self, flag: bool) -> bool:
        """Whether that is so on any rank."""
        self.tell("ask")
        return flag if self.comm is None else bool(sum(self.comm.allgather(flag)))

    def gather(self, values: list[Any]) -> list[Any]:
        """Those of all ranks, one rank after the other."""
        return values if self.comm is None else [value for own in self.comm.allgather(values) for value in own]

    def interrupts(self) -> Interrupts:
        """What asks a run to end."""
        return Interrupts() if self.comm is None else Interrupts(*SIGNALS)

    def _follow(self, orders: Mapping[str, Callable[..., Any]]) -> tuple[str, Any]:
        """Do what rank 0 tells, until it ends or raises something."""
        with self.interrupts() as interrupts:
            while True:
                order, values = self.comm.bcast(None, root=0)
                if order == "ask":
                    self.is_any(interrupts.requested)
                elif order in orders:
                    orders[order](*values)
                else:
                    return order, *values
