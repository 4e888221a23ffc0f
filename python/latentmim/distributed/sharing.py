"""Things that ranks compute a share of each, and all get."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from latentmim.interrupts import HeldInterrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

__all__ = ["Sharing", "agree"]

Item = TypeVar("Item")
Found = TypeVar("Found")

# What an error of another rank is raised as.
KINDS = (KeyboardInterrupt, OSError, MemoryError, FloatingPointError, ValueError)


def agree(comm: Any, problem: BaseException | None, value: Any = None) -> list[Any]:
    """Each rank's value. Where there is a problem on any of them all raise, those that have none that of the first."""
    kind = next((number for number, kind in enumerate(KINDS) if isinstance(problem, kind)), len(KINDS) - 1)
    found = comm.allgather((None if problem is None else (kind, str(problem)), value))
    if problem is not None:
        raise problem
    for rank, (told, _) in enumerate(found):
        if told is not None:
            raise KINDS[told[0]](f"rank {rank}: {told[1]}")
    return [value for _, value in found]


class Sharing:
    """While entered, ranks share out what is to be computed. What is raised inside on one is raised on all: whoever
    fails says so where the others next meet, the last time on leaving.

    Args:
        comm: the communicator of mpi4py; None for a process alone.

    Examples:
        >>> from latentmim.distributed.sharing import Sharing
        >>> with Sharing(None) as sharing:
        ...     list(sharing.each([1, 2, 3], str))
        ['1', '2', '3']

    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._have_parted = comm is None
        self._interrupts = HeldInterrupts()

    def __enter__(self) -> Self:
        self._interrupts.__enter__()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if not self._have_parted:
                with contextlib.nullcontext() if error is None else contextlib.suppress(BaseException):
                    self._meet(error)
        finally:
            self._interrupts.__exit__()

    def each(self, items: Sequence[Item], compute: Callable[[Item], Found]) -> Iterator[Found]:
        """What `compute` makes of items, in their order. Each rank computes every so many-th, and all get all."""
        if self._comm is None:
            yield from map(compute, items)
            return
        for first in range(0, len(items), self._comm.size):
            problem, found = None, None
            try:
                if first + self._comm.rank < len(items):
                    found = compute(items[first + self._comm.rank])
            except BaseException as error:
                problem = error
            yield from self._meet(problem, found)[: len(items) - first]

    def _meet(self, problem: BaseException | None, found: Any = None) -> list[Any]:
        # A Ctrl-C that comes meanwhile is told where ranks meet next.
        with self._interrupts.back():
            try:
                return agree(self._comm, problem, found)
            except BaseException:
                self._have_parted = True
                raise
