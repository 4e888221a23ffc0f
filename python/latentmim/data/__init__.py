"""Images, clips, label maps and data sets: folders, lists and packed files, videos, arrays, published sets by name."""

from __future__ import annotations

from latentmim.data.clips import frames
from latentmim.data.datasets import Arrays, Dataset, Subset
from latentmim.data.files import ImageFolder, ImageList, Packed
from latentmim.data.frames import Frames
from latentmim.data.images import formats, load_image, resize
from latentmim.data.label_maps import read_labels, resize_labels, write_labels
from latentmim.data.named import load
from latentmim.data.opening import as_dataset, few_shot
from latentmim.data.packing import PackReport, pack
from latentmim.data.statistics import ChannelStatistics, channel_statistics
from latentmim.data.tables import coop_split, from_csv

__all__ = [
    "Arrays",
    "ChannelStatistics",
    "Dataset",
    "Frames",
    "ImageFolder",
    "ImageList",
    "PackReport",
    "Packed",
    "Subset",
    "as_dataset",
    "channel_statistics",
    "coop_split",
    "few_shot",
    "formats",
    "frames",
    "from_csv",
    "load",
    "load_image",
    "pack",
    "read_labels",
    "resize",
    "resize_labels",
    "write_labels",
]
