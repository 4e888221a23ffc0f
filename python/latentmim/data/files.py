"""Data sets of image files: below a folder, by a list of paths, in one packed file."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.data.datasets import Dataset
from latentmim.data.images import conversion
from latentmim.data.labels import numbered, zero_ended
from latentmim.names import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike

__all__ = ["ImageFolder", "ImageList", "OnError", "Packed", "skips"]

OnError: TypeAlias = Literal["raise", "skip"]


class ImageFolder(Dataset):
    """The image files below a folder.

    Files count by their endings (see `formats`), hidden ones are left out. Each sub-folder with a file in it is a
    class; images beside the sub-folders are left out, but where they are as many as sub-folders or more, there are no
    classes. A folder that several links lead to counts once. What is left out is said in a warning, and `left_out`
    lists it.

    All are brought to one number of channels: grey is repeated to make RGB; RGB makes grey as in Pillow; alpha is
    composed on the background, unless 4 channels are wanted (or 2: grey and alpha). Palettes, CMYK and YCbCr are RGB,
    fewer than 8 bits are 8, 16 bits are kept. Any other number of channels is read as it is and never guessed.

    Args:
        path: of the folder; `~` is your home.
        on_error: what to do about a file that cannot be read: "raise" an error that names it, or "skip" it: another
            takes its place and it is listed in `skipped`. Nothing is opened before it is needed.
        channels: numbers per pixel of each image: 1, 3, 4, or that of the bands of TIFF and NPY files.
        background: 0 … 1, what shows through transparent pixels: one value, or red, green and blue.

    Raises:
        OSError: the folder cannot be read.
        ValueError: it holds no image files of one of `formats()`.

    Examples:
        >>> photos = lm.ImageFolder("photos")
        >>> len(photos), photos.classes[:2], photos.labels[:3], photos[0].shape
        (28, ['Anjou', 'Cantaloupe'], array([0, 0, 1]), (348, 464, 3))
        >>> photos.left_out
        []

    """

    # Endings of files that are taken besides; what packs them decodes them.
    _also: tuple[str, ...] = ()

    def __init__(
        self,
        path: PathLike,
        on_error: OnError = "raise",
        *,
        channels: int = 3,
        background: float | Sequence[float] = 1.0,
    ) -> None:
        self.path = _arrays.path(path)
        wanted = conversion(channels, background)
        self._handle, remarks = _native.dataset_folder(self.path, skips(on_error), wanted, ",".join(self._also))
        _arrays.pass_on(remarks)

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """(path, reason) of each file and link below the folder that is no image of the data set."""
        return [(path, reason) for path, reason in json.loads(_native.dataset_left_out(self._handle))]

    def __repr__(self) -> str:
        left_out = _native.dataset_left_out_count(self._handle)
        more = f"{_of_classes(self)}{f', {left_out} left out' if left_out else ''}"
        return f"ImageFolder({self.path!r}: {_images(self)}{more})"


class ImageList(Dataset):
    """Image files by their paths; nothing is opened before it is needed.

    Args:
        paths: of the files; `~` is your home.
        labels: one for each path: names, or whole numbers from 0; None where nothing is known.
        classes: the names of the classes in the order of their numbers. If not given, and labels are names, the names
            there are, sorted by their bytes, as `ImageFolder` sorts folders.
        root: a folder that relative paths begin in; if not given, where the program runs.
        on_error: see `ImageFolder`.
        channels: see `ImageFolder`.
        background: see `ImageFolder`.

    Raises:
        TypeError: labels are neither names nor whole numbers.
        ValueError: no paths, labels that are not one for each path, or not among the classes.

    Examples:
        >>> listed = lm.data.ImageList(photos.paths[:2], labels=[0, 1], classes=["pear", "melon"])
        >>> listed[0].dtype, listed.labels
        (dtype('float32'), array([0, 1]))

    """

    def __init__(
        self,
        paths: Iterable[PathLike],
        labels: Sequence[str] | ArrayLike | None = None,
        *,
        classes: Sequence[str] | None = None,
        root: PathLike | None = None,
        on_error: OnError = "raise",
        channels: int = 3,
        background: float | Sequence[float] = 1.0,
    ) -> None:
        if isinstance(paths, str | bytes | os.PathLike):
            raise TypeError(f"paths: is {paths!r}, wanted a list of paths; a folder is read by ImageFolder")
        folder = "" if root is None else _arrays.path(root)
        files = [os.path.join(folder, _arrays.path(path)) for path in paths]
        numbers, names = numbered(labels, classes)
        wanted = conversion(channels, background)
        self._handle = _native.dataset_files(
            zero_ended(files, "paths"), numbers, zero_ended(names, "classes"), skips(on_error), wanted
        )

    def __repr__(self) -> str:
        return f"ImageList({_images(self)}{_of_classes(self)})"


class Packed(Dataset):
    """Image files in the one file that `pack` makes; each is checked by its CRC-32 when it is read.

    Args:
        path: of the packed file; `~` is your home.
        on_error: see `ImageFolder`.
        channels: see `ImageFolder`.
        background: see `ImageFolder`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no packed file, or is damaged.

    Examples:
        >>> _ = lm.data.pack("photos", "photos.safetensors", progress=False)
        >>> packed = lm.data.Packed("photos.safetensors")
        >>> np.array_equal(packed[3], photos[3])
        True

    """

    def __init__(
        self,
        path: PathLike,
        on_error: OnError = "raise",
        *,
        channels: int = 3,
        background: float | Sequence[float] = 1.0,
    ) -> None:
        self.path = _arrays.path(path)
        self._handle = _native.dataset_packed(self.path, skips(on_error), conversion(channels, background))

    def __repr__(self) -> str:
        return f"Packed({self.path!r}: {_images(self)}{_of_classes(self)})"


def skips(on_error: str) -> bool:
    """Whether files that cannot be read are skipped. Raises ValueError.

    Examples:
        >>> from latentmim.data.files import skips
        >>> skips("skip"), skips("raise")
        (True, False)

    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error: is '{on_error}', wanted 'raise' or 'skip'")
    return on_error == "skip"


def _images(data: Dataset) -> str:
    return counted(len(data), "image", form="")


def _of_classes(data: Dataset) -> str:
    channels = "" if data.channels == 3 else f" of {counted(data.channels, 'channel')}"
    classes = f", {counted(len(data.classes), 'class', 'classes', form='')}" if data.classes else ""
    return f"{channels}{classes}"
