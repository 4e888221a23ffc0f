"""Rows of a table that ranks compute together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray
    from latentmim._rows import Compute
    from latentmim.distributed.ranks import Ranks

__all__ = ["filled"]


def filled(ranks: Ranks, compute: Compute, width: int, lead: Callable[[Compute], Any]) -> Any:
    """What rank 0 makes of rows that all ranks compute; its result on all ranks.

    Args:
        ranks: those that compute.
        compute: fills rows of images with these numbers; the same on all ranks.
        width: numbers in a row.
        lead: called on rank 0 with what fills rows together.

    """
    comm = ranks.comm
    if comm is None:
        return lead(compute)

    def fill_own(numbers: NDArray[np.int64]) -> tuple[Exception | None, FloatArray]:
        own = np.array_split(numbers, ranks.size)[ranks.rank]
        rows = np.empty((len(own), width), np.float32)
        try:
            if len(own):
                compute(own, rows)
        except Exception as error:
            return error, rows[:0]
        return None, rows

    def fill(numbers: NDArray[np.int64], rows: FloatArray) -> None:
        comm.bcast(numbers, root=0)
        found = comm.gather(fill_own(numbers), root=0)
        for problem, _ in found:
            if problem is not None:
                raise problem
        np.concatenate([part for _, part in found], out=rows)

    result, problem = None, None
    with ranks.aborting():
        if ranks.is_root:
            try:
                result = lead(fill)
            except (Exception, KeyboardInterrupt) as error:
                problem = error
            comm.bcast(None, root=0)
        else:
            # Rank 0 is interrupted, too, and says so.
            with ranks.interrupts():
                while (numbers := comm.bcast(None, root=0)) is not None:
                    comm.gather(fill_own(numbers), root=0)
        result, problem = comm.bcast((result, problem), root=0)
    if problem is not None:
        raise problem
    return result
