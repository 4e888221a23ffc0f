"""Where contenders run: a virtual environment for what is compared with, and the same variables for all."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
REQUIREMENTS = FOLDER / "requirements.txt"

# Left out of every contender's environment: whatever forces kernels, threads or allocators.
FORCING = ("OPENBLAS_", "MKL_", "OMP_", "KMP_", "GOMP_", "DNNL_", "ONEDNN_", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def python(environment: Path) -> Path:
    """The interpreter of the environment with everything that is compared with; made at first use."""
    interpreter, stamp = environment / "bin" / "python", environment / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    print(f"installing {', '.join(wanted.split())} into {environment} (some gigabytes, once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
    stamp.write_text(wanted)
    return interpreter


def forced() -> dict[str, str]:
    """Variables set here that contenders do not see."""
    return {name: value for name, value in os.environ.items() if name.startswith(FORCING)}


def tcmalloc() -> str | None:
    """The allocator's library, if it is installed."""
    return ctypes.util.find_library("tcmalloc_minimal")


def variables(threads: int, preload: str | None) -> dict[str, str]:
    """The environment of a contender's process."""
    hidden = forced()
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    kept["OMP_NUM_THREADS"] = str(threads)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | ({"LD_PRELOAD": preload} if preload else {})
