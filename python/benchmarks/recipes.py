"""What a recipe reaches: trains on so many images of a labelled set without their labels, and scores held-out ones.

    python python/benchmarks/recipes.py --data fashion-mnist --images 1000 5000 20000
    python python/benchmarks/recipes.py --data fashion-mnist --images 5000 --set mask_ratio=0.75 --set epochs=40

Prints a line of Markdown for each number of images, at once. Runs are kept in --out, a folder each, and gone on with.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import latentmim as lm
from latentmim.reproduce import data

HEAD = ("images", "options", "training", "NN, pixels", "NN, untrained", "NN", "linear, untrained", "linear")
# Side of the images whose raw pixels are compared: small ones do best.
PIXELS_SIDE = 8
# Whole images: small ones fill their frames.
WHOLE: dict[str, Any] = {"short_side": 0, "progress": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a labelled set, as `latentmim reproduce` reads it")
    parser.add_argument("--images", type=int, nargs="+", help="training images (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="options of `lm.pretrain`")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    arguments = parser.parse_args()
    options = dict(_option(text) for text in arguments.set)
    print(*(f"| {name} " for name in HEAD), "|", sep="")
    print("|---" * len(HEAD), "|", sep="")
    for count in arguments.images or [None]:
        images = data.read(arguments.data, images=count)
        name = "-".join([images.name, str(len(images.train)), *arguments.set])
        cells = measure(images, options, arguments.out / name)
        print(f"| {len(images.train):,} | {' '.join(arguments.set) or '–'} |", " | ".join(cells), "|", flush=True)


def measure(images: data.LabelledSet, options: dict[str, Any], out: Path) -> list[str]:
    """Time, and scores of raw pixels, of the encoder before and after training."""
    start = time.monotonic()
    model = lm.pretrain(images.train, out, **options)
    minutes = (time.monotonic() - start) / 60
    untrained = lm.LatentMIM(**model.config.to_dict(), seed=0)
    pixels = lm.evaluate.pixels_nearest_neighbor(images.test, PIXELS_SIDE, **WHOLE)
    framing = {"size": model.config.image_size, **WHOLE}
    encoders = (untrained.encoder, model.encoder)
    nearest = [lm.evaluate.nearest_neighbor(encoder, images.test, **framing) for encoder in encoders]
    linear = [lm.evaluate.linear_probe(encoder, images.train, images.test, **framing) for encoder in encoders]
    return [f"{minutes:.1f} min", *(f"{score.accuracy:.1%}" for score in (pixels, *nearest, *linear))]


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    main()
