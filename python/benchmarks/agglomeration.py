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
    print("| patches | linkage | latentmim | SciPy | times | largest difference | neighbours only |")
    print("|---|---|---|---|---|---|---|")
    for side in chosen.sides:
        rows = features(side * side)
        tree, oracle, connected = (np.empty((len(rows) - 1, 4)) for _ in range(3))
        for method in chosen.linkages:

            def scipy(method: str = method, rows: np.ndarray = rows, oracle: np.ndarray = oracle) -> None:
                oracle[:] = linkage(rows, method)

            ours = seconds(lambda: native.agglomerate(rows, method, 0, 0, tree), chosen.repeats)  # noqa: B023
            theirs = seconds(scipy, chosen.repeats)
            near = seconds(lambda: native.agglomerate(rows, method, side, side, connected), chosen.repeats)  # noqa: B023
            difference = np.abs(tree[:, 2] / oracle[:, 2] - 1).max()
            print(
                f"| {side}×{side} | {method} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f} | {difference:.0e} "
                f"| {near:.2f} s |",
                flush=True,
            )


def features(count: int) -> np.ndarray:
    """[count, 384] float32 rows of length 1."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(40, WIDTH))
    rows = centres[generator.integers(0, 40, count)] + 0.7 * generator.normal(size=(count, WIDTH))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seconds(call: Callable[[], None], repeats: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
