"""Programs of several ranks, started by a launcher of MPI, that end with the test."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
SECONDS = 120
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None, reason="no mpi4py, or no mpiexec"
)

# What containers want: the superuser, and several ranks on one core.
CONTAINERS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_rmaps_base_oversubscribe": "1",
}  # fmt: skip


class Job:
    """So many ranks; they end with the test, whatever happens."""

    def __init__(self, *command: object, ranks: int = 2) -> None:
        assert MPIEXEC is not None
        paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, command)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True, stdin=subprocess.DEVNULL,
            env=os.environ | CONTAINERS | {"PYTHONPATH": paths},
        )  # fmt: skip

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            # The launcher takes its ranks with it.
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)

    def end(self, seconds: float = SECONDS) -> tuple[int, str]:
        """Exit status and what was printed."""
        text, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, text


def job(*command: object, ranks: int = 2) -> tuple[int, str]:
    """Exit status and what was printed by so many ranks."""
    with Job(*command, ranks=ranks) as running:
        return running.end()
