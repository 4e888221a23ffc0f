"""Labelled images for a study, held in memory: from folders of classes, `.npz` files and IDX files."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentmim import _arrays
from latentmim.data import Arrays, ImageFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latentmim._arrays import PathLike

__all__ = ["LabelledSet", "labels", "read", "subset"]

HELD_OUT = ("test", "held-out", "val", "validation")
NPZ_NAMES = (("train_images", "train_labels", "test_images", "test_labels"), ("x_train", "y_train", "x_test", "y_test"))
IDX_STEMS = (("train-images", "train-labels"), ("t10k-images", "t10k-labels"))
# Of images in class folders without a division, every fifth of a class is held out.
HELD_OUT_EVERY = 5
# Images of folders are brought to this side: twice the crop of a grid of 8 patches of 8 pixels, with gaps.
FOLDER_SIDE = 160
CHUNK = 64


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Images to learn from and images to be scored on.

    Attributes:
        name: of the file or folder.
        train: images and labels.
        test: images and labels.
        how: what was done to read them, in words.

    """

    name: str
    train: Arrays
    test: Arrays
    how: str = ""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(np.unique(labels(self.train)))

    @property
    def side(self) -> int:
        """The shorter side of the images in pixels."""
        return int(min(self.train.images.shape[1:3]))

    def digest(self) -> str:
        """Eight letters that change with the images or their labels."""
        value = 0
        for part in (self.train, self.test):
            for array in (part.images, labels(part)):
                value = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data, value)
        return f"{value:08x}"

    def describe(self) -> str:
        """In words."""
        height, width, channels = self.train.images.shape[1:]
        pixels = f"{height}×{width}×{channels}"
        counts = (
            f"{len(self.train):,} training and {len(self.test):,} held-out images of {pixels}, {self.classes} classes"
        )
        return f"{self.name}: {counts}{f' ({self.how})' if self.how else ''}"


def labels(data: Arrays) -> NDArray[np.int64]:
    """The labels of a set that has them.

    Examples:
        >>> from latentmim.reproduce.data import labels
        >>> labels(lm.Arrays(np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 0]))
        array([0, 1, 0])

    """
    found = data.labels
    assert found is not None
    return found


def read(path: PathLike, *, images: int | None = None) -> LabelledSet:
    """Read a labelled set.

    Args:
        path: a folder with `train` and `test` (or `held-out`, `val`), each with a sub-folder of image files for each
            class; a folder of class folders, of which every fifth image is held out; a folder of IDX files named as
            MNIST's; an `.npz` file with `train_images`, `train_labels`, `test_images`, `test_labels` (or `x_train`, …).
        images: how many of the training images, the same share of each class; all if not given.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none of these, or has fewer than two classes.

    """
    place = _arrays.path(path)
    try:
        found = _read(place)
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{place}: is damaged, {error}") from None
    if found.classes < 2:
        raise ValueError(f"{place}: has {found.classes} class, wanted at least 2")
    if images is not None and images < len(found.train):
        if images < 1:
            raise ValueError(f"images: is {images}, wanted at least 1")
        found = LabelledSet(found.name, subset(found.train, images), found.test, found.how)
    return found


def _read(place: str) -> LabelledSet:
    if not os.path.isdir(place):
        return _read_npz(place)
    if (idx := _idx_paths(place)) is not None:
        train, test = (Arrays(_idx(images), _idx(numbers).astype(np.int64)) for images, numbers in idx)
        return LabelledSet(_name(place), train, test)
    return _read_folders(place)


def subset(data: Arrays, count: int) -> Arrays:
    """So many images, or all where there are fewer: nearly the same share of each class, spread evenly over it.

    Examples:
        >>> from latentmim.reproduce.data import subset
        >>> data = lm.Arrays(np.zeros((6, 8, 8, 3), np.uint8), [0, 1, 0, 1, 0, 1])
        >>> len(subset(data, 4))
        4

    """
    numbers = labels(data)
    if count >= len(numbers):
        return data
    order = np.argsort(numbers, kind="stable")
    chosen = np.sort(order[(np.arange(count) * len(order)) // count])
    return Arrays(data.images[chosen], numbers[chosen])


def _name(path: str) -> str:
    return os.path.basename(os.path.normpath(path))


def _read_npz(path: str) -> LabelledSet:
    if not path.endswith(".npz"):
        raise ValueError(f"{path}: wanted a folder or an .npz file")
    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
        names = next((names for names in NPZ_NAMES if all(name in file for name in names)), None)
        if names is None:
            wanted = " or ".join(", ".join(names) for names in NPZ_NAMES)
            raise ValueError(f"{path}: holds {', '.join(file) or 'nothing'}, wanted {wanted}")
        first, second, third, fourth = (file[name] for name in names)
    return LabelledSet(_name(path), Arrays(first, second.reshape(-1)), Arrays(third, fourth.reshape(-1)))


def _idx_paths(folder: str) -> list[tuple[str, str]] | None:
    """(images, labels) of the training and the test part, if these files are there."""
    files = sorted(os.listdir(folder))

    def find(stem: str) -> str | None:
        return next((os.path.join(folder, file) for file in files if file.startswith(stem) and "ubyte" in file), None)

    pairs = [(find(images), find(numbers)) for images, numbers in IDX_STEMS]
    whole = [(images, numbers) for images, numbers in pairs if images is not None and numbers is not None]
    return whole if len(whole) == len(pairs) else None


def _idx(path: str) -> NDArray[np.uint8]:
    """A file of bytes in the IDX format, perhaps compressed: two zeros, type, rank, sides, data."""
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
        content = file.read()
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: is no IDX file of bytes")
    rank = content[3]
    start = 4 + 4 * rank
    shape = tuple(int(side) for side in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != int(np.prod(shape)):
        raise ValueError(f"{path}: holds {len(content) - start} bytes of data, wanted {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_folders(folder: str) -> LabelledSet:
    """Image files, decoded once: a study passes over its images hundreds of times."""
    how = f"the centre square of each, brought to {FOLDER_SIDE}×{FOLDER_SIDE}"
    held_out = next((name for name in HELD_OUT if os.path.isdir(os.path.join(folder, name))), None)
    if held_out is not None and os.path.isdir(os.path.join(folder, "train")):
        parts = [_labelled(os.path.join(folder, name)) for name in ("train", held_out)]
        if parts[0].classes != parts[1].classes:
            raise ValueError(f"{folder}: 'train' and '{held_out}' have different classes, wanted the same")
        return LabelledSet(_name(folder), _decoded(parts[0]), _decoded(parts[1]), how)
    whole = _labelled(folder)
    numbers = whole.labels
    assert numbers is not None
    place_in_class = np.zeros(len(numbers), np.int64)
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number)
        place_in_class[members] = np.arange(len(members))
    out = place_in_class % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    if not out.any():
        raise ValueError(f"{folder}: no class has {HELD_OUT_EVERY} images; wanted more, or folders 'train' and 'test'")
    data = _decoded(whole)
    train, test = (Arrays(data.images[which], numbers[which]) for which in (~out, out))
    return LabelledSet(_name(folder), train, test, f"{how}; every {HELD_OUT_EVERY}th of a class held out")


def _labelled(folder: str) -> ImageFolder:
    found = ImageFolder(folder)
    if found.labels is None:
        raise ValueError(f"{folder}: wanted a sub-folder for each class")
    return found


def _decoded(folder: ImageFolder) -> Arrays:
    pixels = np.empty((len(folder), FOLDER_SIDE, FOLDER_SIDE, 3), np.uint8)
    for first in range(0, len(folder), CHUNK):
        part = np.arange(first, min(first + CHUNK, len(folder)))
        values = folder.resized(FOLDER_SIDE, part, short_side=FOLDER_SIDE)
        pixels[part] = np.rint(values * 255).astype(np.uint8)
    return Arrays(pixels, folder.labels)
