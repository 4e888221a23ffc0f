"""Images and data sets: folders, lists and packed files of images, NumPy arrays, published sets by name."""

from __future__ import annotations

from latentmim.data.datasets import Arrays, Dataset, ImageFolder, ImageList, Packed, Subset, formats, load_image, resize
from latentmim.data.named import load
from latentmim.data.opening import as_dataset, coop_split, few_shot, from_csv
from latentmim.data.packing import PackReport, pack

__all__ = [
    "Arrays",
    "Dataset",
    "ImageFolder",
    "ImageList",
    "PackReport",
    "Packed",
    "Subset",
    "as_dataset",
    "coop_split",
    "few_shot",
    "formats",
    "from_csv",
    "load",
    "load_image",
    "pack",
    "resize",
]
