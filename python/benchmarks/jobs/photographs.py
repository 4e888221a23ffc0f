"""Photographs read for training: decoded, cut at random, brought to the crop's size, flipped, normalised.

One thread each: PyTorch's loader scales by processes, the library's by threads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import Prepared

FOLDER = Path(__file__).parents[3] / "examples" / "photographs"
SIDE = 280


def prepare(job: dict[str, Any]) -> Prepared:
    """`job["batch"]` photographs an execution, by the library or in one of PyTorch's two usual ways."""
    files = sorted(FOLDER.rglob("*.jpg"))[: job["batch"]]
    if len(files) < job["batch"]:
        raise FileNotFoundError(f"{FOLDER}: {len(files)} photographs, wanted {job['batch']}")
    return {"library": library, "pillow": pillow, "torchvision": torchvision}[job["way"]](files)


def library(files: list[Path]) -> Prepared:
    """`ImageFolder.crops`."""
    import latentmim as lm

    lm.set_thread_count(1)
    folder = lm.ImageFolder(FOLDER)
    config = lm.ModelConfig.resolve("vit_small")
    return Prepared({"": lambda: folder.crops(config, indices=range(len(files)))}, {"version": lm.__version__})


def repeated(files: list[Path], decode: Callable[[Path], Any], transform: Callable[[Any], Any]) -> Prepared:
    """Photograph by photograph, as a loader's process does."""
    import torch
    import torchvision

    torch.set_num_threads(1)

    def run() -> torch.Tensor:
        return torch.stack([transform(decode(file)) for file in files])

    return Prepared({"": run}, {"version": torchvision.__version__})


def pillow(files: list[Path]) -> Prepared:
    """Pillow decodes, torchvision's classical transforms do the rest."""
    from PIL import Image
    from torchvision import transforms

    steps = [
        transforms.RandomResizedCrop(SIDE, (0.2, 1), interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    return repeated(files, lambda file: Image.open(file).convert("RGB"), transforms.Compose(steps))


def torchvision(files: list[Path]) -> Prepared:
    """Torchvision decodes into tensors, its v2 transforms do the rest."""
    import torch
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms import v2

    steps = [
        v2.RandomResizedCrop(SIDE, (0.2, 1), interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    return repeated(files, lambda file: decode_image(str(file), ImageReadMode.RGB), v2.Compose(steps))
