"""How long `import latentmim` takes beyond NumPy: fresh processes in turn, bytecode cached as pip does."""

from __future__ import annotations

import statistics
import subprocess
import sys

import environment

PROGRAMS = {"numpy": "import time", "latentmim": "import numpy, time"}


def measure(repeats: int, threads: int) -> dict[str, list[float]]:
    """Seconds of each import, `repeats` of them after one that is not counted."""
    variables = environment.variables(threads, None)
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(repeats + 1):
        for name, before in PROGRAMS.items():
            program = f"{before}; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
            command = [sys.executable, "-c", program]
            ran = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
            if turn:
                seconds[name].append(float(ran.stdout))
    return seconds


def table(seconds: dict[str, list[float]]) -> str:
    """Medians in milliseconds."""
    lines = ["| | ms (median; min … max) |", "|---|---|"]
    for name, values in seconds.items():
        low, middle, high = (1e3 * f(values) for f in (min, statistics.median, max))
        beyond = " after `import numpy`" if name == "latentmim" else ""
        lines.append(f"| `import {name}`{beyond} | {middle:.0f} ({low:.0f} … {high:.0f}) |")
    return "\n".join(lines)
