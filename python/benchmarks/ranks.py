"""Two ranks with a thread each against one process with two threads, in turn.

`mpiexec -n 2 --bind-to none python python/benchmarks/ranks.py` prints the step's time of both, bytes that a rank sends
a step, how long summing gradients takes by itself, and how much of that the backward pass hides. Under a shaped link
(`--links`, see docs/scaling.md) the ranks alone are measured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Any

import numpy as np
from mpi4py import MPI

import latentmim as lm
from latentmim.distributed.exchanges import Exchanges

SIZES: dict[str, dict[str, Any]] = {
    "small": {"width": 192, "depth": 6, "heads": 3, "grid": 7, "num_visible": 8, "decoder_width": 128,
              "decoder_heads": 4, "projector_width": 512},
    "vit_tiny": {"size": "vit_tiny", "grid": 10, "decoder_width": 256, "decoder_heads": 8, "projector_width": 1024},
    "vit_small": {"size": "vit_small"},
}  # fmt: skip


class Counted(Exchanges):
    """Exchanges whose bytes are counted, as a ring sends them."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        super().__init__(comm)
        self.forget()

    def forget(self) -> None:
        """Begin to count."""
        self.sent = 0.0
        self.sizes: list[int] = []
        self.times: list[float] = []

    def start(self, kind: int, sent: memoryview | None, received: memoryview) -> int:
        """The same, counted."""
        size = MPI.COMM_WORLD.size
        self.sent += received.nbytes * (size - 1) / size * (2 if kind == self.SUM else 1)
        if kind != self.GATHER:
            self.times.append(time.perf_counter())
            # A sum of as many bytes sends as much as both exchanges of bfloat16.
            self.sizes.append(received.nbytes)
        return super().start(kind, sent, received)


def trainer(chosen: argparse.Namespace, images: np.ndarray, comm: MPI.Intracomm | None) -> lm.Trainer:
    """A trainer that never reads a file."""
    model = lm.LatentMIM(**SIZES[chosen.size])
    return lm.Trainer(
        model, images, epochs=1000, batch_size=chosen.batch, comm=comm, wire=chosen.wire, precision=chosen.precision,
        workers=1, progress=False,
    )  # fmt: skip


def seconds_of(call: Any) -> float:
    """How long a call takes, on the slowest rank."""
    meet()
    start = time.perf_counter()
    call()
    meet()
    return time.perf_counter() - start


def meet() -> None:
    """A barrier that sleeps: waiting inside MPI would take a core from whoever computes."""
    request = MPI.COMM_WORLD.Ibarrier()
    while not request.Test():
        time.sleep(2e-4)


def sum_alone(sizes: list[int]) -> None:
    """One step's sums by themselves."""
    exchanges = Exchanges.over(MPI.COMM_WORLD)
    buffers = [memoryview(np.zeros(size, np.uint8)) for size in sizes]
    for number in [exchanges.start(Exchanges.SUM, None, buffer) for buffer in buffers]:
        exchanges.finish(number, waits=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--wire", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--links", action="store_true", help="measure the ranks alone")
    chosen = parser.parse_args()
    comm = MPI.COMM_WORLD
    cores = sorted(os.sched_getaffinity(0))
    images = np.random.default_rng(0).integers(0, 256, (2 * chosen.batch, 224, 224, 3), np.uint8)
    together = trainer(chosen, images, comm)
    counted = Counted(comm)
    if chosen.links:
        # Ranks of one machine that a link parts.
        counted._is_one_machine = Exchanges.over(comm)._is_one_machine = False
    lm._latentmim.trainer_join(together._handle, counted, comm.rank, comm.size, chosen.wire)
    alone = None if chosen.links else trainer(chosen, images, None)
    times: dict[str, list[float]] = {"ranks": [], "alone": [], "sums": [], "waited": [], "window": []}

    def step_together() -> None:
        os.sched_setaffinity(0, [cores[comm.rank % len(cores)]])
        lm.set_thread_count(1)
        together.step()

    def step_alone() -> None:
        os.sched_setaffinity(0, cores)
        lm.set_thread_count(2)
        if alone is not None and comm.rank == 0:
            alone.step()

    for turn in range(chosen.rounds + 2):
        counted.forget()
        with lm.runtime.profile() as entries:
            ranks = seconds_of(step_together)
        waited = sum(entry.seconds for entry in entries if "waiting for gradients" in entry.name)
        sums = seconds_of(lambda: sum_alone(counted.sizes))
        if turn >= 2:
            times["ranks"].append(ranks)
            times["waited"].append(waited)
            times["sums"].append(sums)
            times["window"].append(counted.times[-1] - counted.times[0])
            if alone is not None:
                times["alone"].append(seconds_of(step_alone))
    if comm.rank == 0:
        report(chosen, together, counted, times)


def report(chosen: argparse.Namespace, together: lm.Trainer, counted: Counted, times: dict[str, list[float]]) -> None:
    """Print medians."""
    median = {name: statistics.median(values) for name, values in times.items() if values}
    trained = sum(value.size for value in together.model.gradients().values())
    print(f"{chosen.size}, batch {chosen.batch}, {chosen.wire} on the wire, {trained:,} trained parameters")
    print(f"  ranks: {median['ranks'] * 1e3:.1f} ms a step; a rank sends {counted.sent / 2**20:.2f} MiB")
    print(
        f"  gradients summed by themselves: {median['sums'] * 1e3:.1f} ms; waited for: {median['waited'] * 1e3:.1f} ms"
    )
    print(f"  from the first bucket's start to the last's: {median['window'] * 1e3:.1f} ms")
    if "alone" in median:
        ratios = [alone / ranks for alone, ranks in zip(times["alone"], times["ranks"], strict=True)]
        print(f"  one process, two threads: {median['alone'] * 1e3:.1f} ms; ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
