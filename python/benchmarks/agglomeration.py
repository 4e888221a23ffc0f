"""Agglomeration against SciPy's, in one run: `python python/benchmarks/agglomeration.py`; `--help` lists the sizes.

Rows of 384 channels around 40 directions, of length 1 as patches of an encoder are. SciPy's `linkage` counts with its
distances, as ours does. Prints a Markdown table of medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import linkage

from latentmim import _latentmim as native

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 384
LINKAGES = ("ward", "average", "complete", "single")


def main() -> None:
    """Print the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64, 128], help="patches on a side of the grid")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--linkages", nargs="+", default=LINKAGES, choices=LINKAGES)
    chosen = parser.parse_args()
    print(
        "| patches | linkage | latentmim | SciPy | times | CPU time | SciPy's | largest difference | neighbours only |"
    )
    print("|" + "---|" * 9)
    for side in chosen.sides:
        for method in chosen.linkages:
            print(row(side, method, chosen.repeats), flush=True)


def row(side: int, method: str, repeats: int) -> str:
    """A line of the table: a grid of side × side patches."""
    rows = features(side * side)
    tree, oracle, connected = (np.empty((len(rows) - 1, 4)) for _ in range(3))
    ours, our_cpu = seconds(lambda: native.agglomerate(rows, method, 0, 0, tree), repeats)
    theirs, their_cpu = seconds(lambda: np.copyto(oracle, linkage(rows, method)), repeats)
    near, _ = seconds(lambda: native.agglomerate(rows, method, side, side, connected), repeats)
    difference = np.abs(tree[:, 2] / oracle[:, 2] - 1).max()
    return (
        f"| {side}×{side} | {method} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f} | {our_cpu:.2f} s "
        f"| {their_cpu:.2f} s | {difference:.0e} | {near:.2f} s |"
    )


def features(count: int) -> np.ndarray:
    """[count, 384] float32 rows of length 1."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(40, WIDTH))
    rows = centres[generator.integers(0, 40, count)] + 0.7 * generator.normal(size=(count, WIDTH))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seconds(call: Callable[[], None], repeats: int) -> tuple[float, float]:
    """The median time of a call, and of its threads together."""
    times, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        call()
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return statistics.median(times), statistics.median(processor)


if __name__ == "__main__":
    main()
