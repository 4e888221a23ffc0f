"""How fast a training step of the published configuration is on this machine, and how much memory it takes.

python python/benchmarks/step.py --size vit_small --batch 32 --steps 7
"""

from __future__ import annotations

import argparse
import resource
import statistics

import numpy as np

import latentmim as lm


def main() -> None:
    """Time steps on random images in memory, so that no time goes into reading files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="vit_small")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--threads", type=int, default=lm.thread_count())
    arguments = parser.parse_args()
    lm.set_thread_count(arguments.threads)
    images = np.random.default_rng(0).integers(0, 256, (arguments.batch, 300, 300, 3), np.uint8)
    trainer = lm.Trainer(lm.LatentMIM(arguments.size), images, epochs=arguments.steps + 2, batch_size=arguments.batch)
    speeds = [metrics["images_per_second"] for metrics in trainer][2:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.size}, batch {arguments.batch}, {arguments.threads} threads, {lm.runtime.instruction_set()}: "
        f"{statistics.median(speeds):.2f} images/s (median of {len(speeds)}: {min(speeds):.2f} … {max(speeds):.2f}), "
        f"peak resident memory {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
