"""Reads image files over and over and shows that memory stays flat: one line for each tenth.

python python/benchmarks/soak.py FOLDER --images 100000
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from pathlib import Path

import numpy as np

import latentmim as lm


def resident() -> float:
    """MiB that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--fast-decode", action="store_true")
    chosen = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = lm.ImageFolder(chosen.folder, on_error="skip", channels=chosen.channels)
    config = lm.ModelConfig.resolve("vit_tiny", channels=chosen.channels, grid=4)
    training = lm.TrainingConfig.resolve(fast_decode=chosen.fast_decode)
    random, done, start = np.random.default_rng(0), 0, time.perf_counter()
    for tenth in range(10):
        while done < chosen.images * (tenth + 1) / 10:
            part = random.integers(0, len(folder), 64)
            folder.crops(config, part, training=training, epoch=done)
            done += len(part)
        speed = done / (time.perf_counter() - start)
        print(
            f"{done:>9} images, {resident():7.1f} MiB, {speed:6.0f} images/s, {len(folder.skipped)} files skipped",
            flush=True,
        )


if __name__ == "__main__":
    main()
