"""What a recipe reaches: trains on so many images of a labelled set without their labels, and scores held-out ones.

    python python/benchmarks/recipes.py --data fashion-mnist --images 1000 5000 20000
    python python/benchmarks/recipes.py --data fashion-mnist --images 5000 --set mask_ratio=0.75 --set epochs=40
    python python/benchmarks/recipes.py --data cifar10 --set budget=2h

Prints a line of Markdown for each number of images, at once. Runs are kept in --out, a folder each, and gone on with.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import latentmim as lm
from latentmim.reproduce import data

HEAD = ("images", "options", "training", "NN, pixels", "NN, untrained", "NN", "linear, untrained", "linear")
# Side of the images whose raw pixels are compared: small ones do best.
PIXELS_SIDE = 8
# Whole images: small ones fill their frames.
WHOLE: dict[str, Any] = {"short_side": 0, "progress": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        required=True,
        help="{train,test}/CLASS/FILE, or another labelled set as `latentmim reproduce` reads it",
    )
    parser.add_argument("--images", type=int, nargs="+", help="training images (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="options of `lm.pretrain`")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    arguments = parser.parse_args()
    options = dict(_option(text) for text in arguments.set)
    print(*(f"| {name} " for name in HEAD), "|", sep="")
    print("|---" * len(HEAD), "|", sep="")
    for count in arguments.images or [None]:
        train, test = read(arguments.data, count)
        name = "-".join([Path(arguments.data).name, str(len(train)), *arguments.set])
        cells = measure(train, test, options, arguments.out / name)
        print(f"| {len(train):,} | {' '.join(arguments.set) or '–'} |", " | ".join(cells), "|", flush=True)


def read(folder: str, count: int | None) -> tuple[lm.data.Dataset, lm.data.Dataset]:
    """Training and test images: those of folders as the files are, other sets as `latentmim reproduce` sees them."""
    parts = [Path(folder) / part for part in ("train", "test")]
    if not all(part.is_dir() for part in parts):
        images = data.read(folder, images=count)
        return images.train, images.test
    train, test = (lm.ImageFolder(part) for part in parts)
    if count is None or count >= len(train):
        return train, test
    return train.subset(np.sort(np.random.default_rng(0).permutation(len(train))[:count])), test


def measure(train: lm.data.Dataset, test: lm.data.Dataset, options: dict[str, Any], out: Path) -> list[str]:
    """Time, and scores of raw pixels, of the encoder before and after training."""
    start = time.monotonic()
    model = lm.pretrain(train, out, **options)
    minutes = (time.monotonic() - start) / 60
    untrained = lm.LatentMIM(**model.config.to_dict(), seed=0)
    pixels = lm.evaluate.pixels_nearest_neighbor(test, PIXELS_SIDE, **WHOLE)
    framing = {"size": model.config.image_size, **WHOLE}
    encoders = (untrained.encoder, model.encoder)
    nearest = [lm.evaluate.nearest_neighbor(encoder, test, **framing) for encoder in encoders]
    linear = [lm.evaluate.linear_probe(encoder, train, test, **framing) for encoder in encoders]
    return [f"{minutes:.1f} min", *(f"{score.accuracy:.1%}" for score in (pixels, *nearest, *linear))]


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    main()
