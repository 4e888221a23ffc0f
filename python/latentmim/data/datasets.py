"""Images and data sets: folders of image files, decoded by the core's threads, and NumPy arrays."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import ModelConfig, TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import FloatArray, PathLike

OnError: TypeAlias = Literal["raise", "skip"]

__all__ = [
    "Arrays",
    "Dataset",
    "ImageFolder",
    "ImageList",
    "Packed",
    "Subset",
    "conversion",
    "formats",
    "load_image",
    "resize",
    "skips",
]


def formats() -> dict[str, list[str]]:
    """The file formats of images that are read, each with the usual endings of its files: {"JPEG": [".jpg", …]}."""
    names: dict[str, list[str]] = json.loads(_native.image_formats())
    return names


def load_image(path: PathLike, *, channels: int = 3, background: float | Sequence[float] = 1.0) -> FloatArray:
    """Decode an image file, turned as its orientation says; its format is told by its content.

    Args:
        path: of the file; `~` is your home.
        channels: 1 for grey, 3 for RGB, 4 for RGBA (2 for grey and alpha), or the number of bands that the file has:
            see `ImageFolder`.
        background: 0 … 1, what shows through transparent pixels: one value, or red, green and blue.

    Returns:
        [H, W, channels] float32 in 0 … 1; 16 bits are kept.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no image of one of `formats()`, is damaged, has other channels than wanted, or more than 2²⁸
            pixels.

    """
    return _pixels(*_native.image_load(_arrays.path(path), conversion(channels, background)))


def conversion(channels: int, background: float | Sequence[float]) -> tuple[int, tuple[float, float, float]]:
    """What the core takes for the two. Raises ValueError, TypeError."""
    colors = np.asarray(background, np.float64).reshape(-1)
    if len(colors) not in (1, 3):
        raise ValueError(f"background: is {background!r}, wanted one value or red, green and blue, each in 0 … 1")
    red, green, blue = (float(value) for value in np.resize(colors, 3))
    return _arrays.whole(channels, "channels"), (red, green, blue)


def resize(images: ArrayLike, size: int | Sequence[int]) -> FloatArray:
    """Bring images to another size, bicubic and antialiased.

    Args:
        images: [B, H, W, C] or [H, W, C], uint8 in 0 … 255, uint16 in 0 … 65535 or float in 0 … 1.
        size: (height, width), or one number for both.

    Returns:
        [B, height, width, C] or [height, width, C], float32 in 0 … 1.

    """
    pixels, is_single = _arrays.batch(images)
    height, width = _arrays.sides(size)
    resized = np.empty((len(pixels), height, width, pixels.shape[3]), np.float32)
    _native.resize(pixels, resized)
    return resized[0] if is_single else resized


class Dataset:
    """Images, perhaps with labels: `len(dataset)` is their number, `dataset[i]` one of them.

    An image is [H, W, C] float32 in 0 … 1. `dataset[100:200]` and `dataset.subset(indices)` are data sets of some of
    the images.
    """

    _handle: Any

    def __len__(self) -> int:
        return _native.dataset_count(self._handle)

    @overload
    def __getitem__(self, index: int) -> FloatArray: ...
    @overload
    def __getitem__(self, index: slice) -> Subset: ...
    def __getitem__(self, index: int | slice) -> FloatArray | Subset:
        if isinstance(index, slice):
            return self.subset(np.arange(len(self))[index])
        number = _arrays.whole(index, "image")
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(f"image {number} of {len(self)}")
        return _pixels(*_native.dataset_image(self._handle, place))

    def __iter__(self) -> Iterator[FloatArray]:
        return (self[index] for index in range(len(self)))

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """[N] int64, one class number an image; None without labels."""
        labels = np.empty(len(self), np.int64)
        return labels if _native.dataset_labels(self._handle, labels) else None

    @property
    def classes(self) -> list[str]:
        """The names of the classes, by number; empty without names."""
        return list(self._description["classes"])

    @property
    def paths(self) -> list[str]:
        """The files, in the order of their indices; empty for images in memory."""
        return _native.dataset_paths(self._handle)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(path, reason) of each file that turned out unreadable so far; see `ImageFolder`'s `on_error`."""
        skipped = self._description["skipped"]
        paths = self.paths if skipped else []
        return [(paths[index], reason) for index, reason in skipped]

    def subset(self, indices: ArrayLike) -> Subset:
        """Some of the images as a data set, with their labels, classes and paths.

        Args:
            indices: [n] which images, in any order, from 0 (negative ones count from the end); or [len(self)] of bool.

        Raises:
            ValueError: there is no such image, or none is chosen.

        """
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise ValueError(
                    f"indices: shape is {list(chosen.shape)}, wanted one truth value an image, [{len(self)}]"
                )
            chosen = np.flatnonzero(chosen)
        numbers = _arrays.integers(chosen, "indices")
        return Subset(self, np.where(numbers < 0, numbers + len(self), numbers))

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        return _native.dataset_channels(self._handle)

    @property
    def _description(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(_native.dataset_description(self._handle))
        return description

    def crops(
        self,
        config: ModelConfig,
        indices: ArrayLike | None = None,
        *,
        training: TrainingConfig | None = None,
        epoch: int = 0,
    ) -> FloatArray:
        """Training crops, exactly as training sees them: cut at random, flipped, normalised.

        Args:
            config: of the model.
            indices: [n] which images; all if not given.
            training: its seed and crop options count; defaults if not given.
            epoch: zero-based.

        Returns:
            [n, crop height, crop width, channels] float32. NaN for images that are skipped because they cannot be read;
            training takes another in their place.

        """
        chosen = self._indices(indices)
        crops = np.empty((len(chosen), *config.crop_size, config.channels), np.float32)
        options = (training or TrainingConfig.resolve()).to_json()
        _native.dataset_crops(self._handle, chosen, config.to_json(), options, epoch, crops)
        return crops

    def resized(
        self, size: int | Sequence[int], indices: ArrayLike | None = None, *, short_side: int | None = None
    ) -> FloatArray:
        """Images for evaluation: nothing random, not normalised.

        Args:
            size: (height, width) of the result, or one number for both.
            indices: [n] which images; all if not given.
            short_side: the image is brought to this short side, and the centre of `size` is cut out; if not given,
                the whole image is brought to `size`, whatever its ratio.

        Returns:
            [n, height, width, channels] float32 in 0 … 1. NaN for images that are skipped because they cannot be read.

        """
        chosen = self._indices(indices)
        images = np.empty((len(chosen), *_arrays.sides(size), self.channels), np.float32)
        _native.dataset_resized(self._handle, chosen, short_side or 0, images)
        return images

    def _indices(self, indices: ArrayLike | None) -> NDArray[np.int64]:
        if indices is None:
            return np.arange(len(self), dtype=np.int64)
        return _arrays.integers(indices, "indices")


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
        _arrays.warn(remarks)

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """(path, reason) of each file and link below the folder that is no image of the data set."""
        return [(path, reason) for path, reason in json.loads(_native.dataset_left_out(self._handle))]

    def __repr__(self) -> str:
        left_out = _native.dataset_left_out_count(self._handle)
        more = f"{_of_classes(self)}{f', {left_out} left out' if left_out else ''}"
        return f"ImageFolder({self.path!r}: {len(self)} images{more})"


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
        numbers, names = _numbered(labels, classes)
        wanted = conversion(channels, background)
        self._handle = _native.dataset_files(
            _zero_ended(files, "paths"), numbers, _zero_ended(names, "classes"), skips(on_error), wanted
        )

    def __repr__(self) -> str:
        return f"ImageList({len(self)} images{_of_classes(self)})"


def _numbered(
    labels: Sequence[str] | ArrayLike | None, classes: Sequence[str] | None
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Labels as numbers, and the names of their classes."""
    names = [] if classes is None else list(classes)
    if len(set(names)) < len(names):
        raise ValueError("classes: a name stands there twice, wanted different names")
    if labels is None:
        return None, names
    given: Any = labels if isinstance(labels, np.ndarray) else list(labels)  # type: ignore[arg-type]
    if not any(isinstance(label, str) for label in given):
        return _arrays.integers(given, "labels"), names
    if stray := [label for label in given if not isinstance(label, str)]:
        raise TypeError(f"labels: holds {stray[0]!r} among names, wanted all names or all whole numbers")
    texts = [str(label) for label in given]
    names = names or sorted(set(texts), key=os.fsencode)
    places = {name: number for number, name in enumerate(names)}
    for index, label in enumerate(texts):
        if label not in places:
            raise ValueError(f"labels: image {index} has label '{label}', which is not among the {len(names)} classes")
    return np.array([places[label] for label in texts], np.int64), names


def _zero_ended(texts: list[str], name: str) -> bytes:
    encoded = [os.fsencode(text) for text in texts]
    for index, text in enumerate(encoded):
        if b"\0" in text:
            raise ValueError(f"{name}: entry {index} holds a zero byte, which no name has")
    return b"".join(text + b"\0" for text in encoded)


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
        return f"Packed({self.path!r}: {len(self)} images{_of_classes(self)})"


def _of_classes(data: Dataset) -> str:
    channels = "" if data.channels == 3 else f" of {data.channels} channel{'s' * (data.channels > 1)}"
    return f"{channels}{f', {len(data.classes)} classes' if data.classes else ''}"


class Subset(Dataset):
    """Some images of a data set: `dataset[100:200]` or `dataset.subset(indices)`.

    Attributes:
        base: the data set they are taken from.
        indices: [n] int64, which of its images they are.

    """

    def __init__(self, base: Dataset, indices: NDArray[np.int64]) -> None:
        self.base = base
        self.indices = indices
        self._handle = _native.dataset_subset(base._handle, indices)

    def __repr__(self) -> str:
        return f"Subset({len(self)} of {self.base!r})"


class Arrays(Dataset):
    """Images in memory. Contiguous arrays of uint8, uint16 and float32 are used where they lie and kept alive.

    Args:
        images: [N, H, W, C] or [N, H, W], uint8 in 0 … 255, uint16 in 0 … 65535 or float in 0 … 1.
        labels: [N], whole numbers from 0, or names.
        classes: the names of the classes in the order of their numbers; see `ImageList`.

    Raises:
        TypeError: pixels of another type.
        ValueError: another shape, labels that are not one for each image, negative labels.

    """

    def __init__(
        self,
        images: ArrayLike,
        labels: Sequence[str] | ArrayLike | None = None,
        *,
        classes: Sequence[str] | None = None,
    ) -> None:
        pixels = _arrays.pixels(images)
        if pixels.ndim not in (3, 4):
            raise ValueError(f"images: shape is {list(pixels.shape)}, wanted [N, H, W, C] or [N, H, W]")
        self.images = pixels if pixels.ndim == 4 else pixels[..., np.newaxis]
        numbers, names = _numbered(labels, classes)
        self._handle = _native.dataset_arrays(self.images, numbers, _zero_ended(names, "classes"))

    def __repr__(self) -> str:
        count, height, width, channels = self.images.shape
        return f"Arrays({count} images of {height}×{width}×{channels}, {self.images.dtype})"


def skips(on_error: str) -> bool:
    """Whether files that cannot be read are skipped. Raises ValueError."""
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error: is '{on_error}', wanted 'raise' or 'skip'")
    return on_error == "skip"


def _pixels(shape: tuple[int, int, int], values: bytearray) -> FloatArray:
    return np.frombuffer(values, np.float32).reshape(shape)
