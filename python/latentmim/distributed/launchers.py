"""Whether a launcher of MPI started this process with others."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["world"]


def world() -> Any:
    """The communicator of all processes where a launcher of MPI started several; else None.

    Raises:
        ImportError: there are several, and mpi4py is not installed.

    Examples:
        >>> from latentmim.distributed import world
        >>> world()

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
