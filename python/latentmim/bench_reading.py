"""How fast image files are read for training: `latentmim bench --data`, beside torchvision and Pillow if installed."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import runtime
from latentmim.config import ModelConfig, TrainingConfig
from latentmim.data import as_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from latentmim._arrays import PathLike

__all__ = ["reading", "report"]

SIDE = 280
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 8


def reading(folder: PathLike, *, images: int = 64, turns: int = 5) -> dict[str, Any]:
    """Images per second of one thread's CPU time: decoded, cut at random, resized to 280 pixels, flipped, normalised.

    Readers take turns; the fastest turn of each counts. Every file has been read before, as in any epoch but the first.

    Args:
        folder: of image files.
        images: how many of them, evenly spread.
        turns: of each reader.

    Examples:
        >>> from latentmim.bench_reading import reading
        >>> sorted(reading("photos", images=8, turns=1))[:3]
        ['folder', 'images_per_second']

    """
    data = as_dataset(folder)
    chosen = np.linspace(0, len(data) - 1, min(images, len(data))).astype(np.int64)
    threads = runtime.thread_count()
    runtime.set_thread_count(1)
    best: dict[str, float] = {}
    try:
        paths = data.paths
        readers = _readers(data, [paths[index] for index in chosen], chosen)
        for turn in range(turns + 1):
            for name, read in readers.items():
                start = time.process_time()
                for first in range(0, len(chosen), BATCH):
                    read(slice(first, first + BATCH), turn)
                seconds = (time.process_time() - start) / len(chosen)
                if turn > 0:
                    best[name] = min(best.get(name, math.inf), seconds)
    finally:
        runtime.set_thread_count(threads)
    return {"folder": str(folder), "images_per_second": {name: 1 / seconds for name, seconds in best.items()}}


def report(found: dict[str, Any]) -> list[str]:
    """Lines for people.

    Examples:
        >>> from latentmim.bench_reading import reading, report
        >>> len(report(reading("photos", images=8, turns=1))) > 0
        True

    """
    speeds = found["images_per_second"]
    others = [speed for name, speed in speeds.items() if not name.startswith("latentmim")]
    fastest = max(others, default=math.nan)
    lines = [f"reading {found['folder']}: images per CPU second, and beside the fastest other"]
    for name, speed in speeds.items():
        beside = "" if math.isnan(fastest) else f"{speed / fastest:6.2f} ×"
        lines.append(f"  {name:28}{speed:8.1f}{beside}")
    return lines


def _readers(data: Any, paths: list[str], chosen: NDArray[np.int64]) -> dict[str, Callable[[slice, int], object]]:
    config = ModelConfig.resolve("vit_small")
    exact, fast = (TrainingConfig.resolve(fast_decode=fast) for fast in (False, True))
    readers: dict[str, Callable[[slice, int], object]] = {
        "latentmim": lambda part, turn: data.crops(config, chosen[part], training=exact, epoch=turn),
        "latentmim, fast_decode": lambda part, turn: data.crops(config, chosen[part], training=fast, epoch=turn),
    }
    if not all(os.path.isfile(path) for path in paths):
        return readers  # a packed file
    if importlib.util.find_spec("PIL"):
        readers["Pillow"] = lambda part, turn: [_pillow(path) for path in paths[part]]
    if importlib.util.find_spec("torchvision"):
        transform = _torchvision()
        readers["torchvision (io, v2)"] = lambda part, turn: [transform(path) for path in paths[part]]
    return readers


def _pillow(path: str) -> NDArray[Any]:
    from PIL import Image

    image = Image.open(path).convert("RGB")
    left, top, width, height = _box(*image.size)
    crop = image.crop((left, top, left + width, top + height)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if np.random.default_rng().random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(crop, np.float32) / np.float32(255)
    return (pixels - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)


def _box(width: int, height: int) -> tuple[int, int, int, int]:
    """RandomResizedCrop's part: area 0.2 … 1, ratio ¾ … 4⁄3, ten tries."""
    random = np.random.default_rng()
    for _ in range(10):
        area, aspect = (
            width * height * random.uniform(0.2, 1),
            math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3))),
        )
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(random.integers(width - w + 1)), int(random.integers(height - h + 1)), w, h
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side


def _torchvision() -> Callable[[str], Any]:
    import torch
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    steps = v2.Compose(
        [
            v2.RandomResizedCrop(SIDE, (0.2, 1), interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return lambda path: steps(decode_image(path, ImageReadMode.RGB))
