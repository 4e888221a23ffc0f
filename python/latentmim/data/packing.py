"""`pack`: image files of a data set in one file, in safetensors layout."""

from __future__ import annotations

import collections
import hashlib
import io
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays, runtime
from latentmim.data import foreign
from latentmim.data.datasets import Arrays, Dataset, Subset
from latentmim.data.files import ImageFolder, OnError, Packed, skips
from latentmim.data.images import resize
from latentmim.data.opening import as_dataset
from latentmim.data.unfinished import Unfinished
from latentmim.interrupts import Interrupts
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import PathLike

__all__ = ["PackReport", "pack"]


@dataclass(frozen=True)
class PackReport:
    """What `pack` has done.

    Attributes:
        path: of the packed file.
        images: how many are in it.
        bytes: its size.
        skipped: (path, reason) of each file that could not be read and was left out.

    Examples:
        >>> lm.data.pack(photos[:3], "three.safetensors", progress=False).images
        3

    """

    path: str
    images: int
    bytes: int
    skipped: list[tuple[str, str]]


class _AnyImages(ImageFolder):
    """A folder with files of the formats that others decode, too."""

    _also = foreign.ENDINGS


def pack(
    data: Dataset | PathLike | ArrayLike,
    out: PathLike,
    *,
    size: int | None = None,
    channels: int = 3,
    on_error: OnError = "raise",
    restart: bool = False,
    progress: bool = True,
) -> PackReport:
    """Put the images of a data set into one file, which `Packed`, `pretrain` and the command line read.

    Files are taken as they are, so that training on the packed file is training on the folder, to the bit. Each is
    decoded once before: what cannot be read shows now. Files of formats that the core does not read go through Pillow
    (GIF, AVIF, JPEG 2000; HEIF with pillow-heif) or pydicom (DICOM), and are stored as PNG or NPY; see docs/images.md.

    What is stopped, by Ctrl-C or in any other way, goes on where it was when called again: until all is done there is
    only a hidden file beside `out`.

    Args:
        data: a folder, a data set, or an array of images.
        out: the file to write.
        size: images with a longer short side are brought to this one, bicubic and antialiased, and stored without loss
            (8 bits where the file has no more, else 16). If not given, or smaller, they stay as they are.
        channels: of the images of a folder or a packed file; without `size` only files of other numbers of channels
            make a difference: they cannot be read.
        on_error: what to do about files that cannot be read: "raise" an error that names it, or "skip" it.
        restart: replace what is in `out`, and do not go on with what another call left.
        progress: whether a progress bar is shown.

    Raises:
        OSError: a file cannot be read or written; FileExistsError: `out` is there; BlockingIOError: another call writes
            it.
        ImportError: a file needs a library that is not installed.
        ValueError: a file is no image that can be read; what was begun was for other images or another size.
        KeyboardInterrupt: after Ctrl-C; its text says what is kept.

    Examples:
        >>> report = lm.data.pack(photos, "small.safetensors", size=64, progress=False)
        >>> report.images, lm.data.Packed("small.safetensors")[0].shape
        (28, (64, 85, 3))

    """
    is_skipping = skips(on_error)
    if size is not None and _arrays.whole(size, "size") < 1:
        raise ValueError(f"size: is {size}, wanted at least 1 pixel")
    is_folder = isinstance(data, str | os.PathLike) and os.path.isdir(_arrays.path(data))
    images = _AnyImages(data, channels=channels) if is_folder else as_dataset(data, channels)  # type: ignore[arg-type]
    source = _Source(images, size)
    target = os.path.realpath(_arrays.path(out))
    with Unfinished(target, source.identity(), restart=restart) as unfinished:
        _fill(unfinished, source, is_skipping, progress)
        chosen = unfinished.kept
        if not chosen:
            raise ValueError(f"none of the {len(images)} images can be read; for one: {unfinished.skipped[0]}")
        size_in_bytes = unfinished.finish(source.tables(chosen))
    paths = images.paths or source.names
    skipped = [(paths[index], reason) for index, reason in unfinished.skipped.items()]
    return PackReport(_arrays.path(out), len(chosen), size_in_bytes, skipped)


def _fill(unfinished: Unfinished, source: _Source, is_skipping: bool, progress: bool) -> None:
    """Add what is not there yet."""
    total, done = len(source.data), unfinished.count
    with Interrupts() as interrupts, bar(total, "packing", "image", initial=done, is_shown=progress) as shown:
        for entry in source.entries(done):
            if isinstance(entry, bytes):
                unfinished.add(entry)
            elif is_skipping and not isinstance(entry, MemoryError):
                unfinished.skip(str(entry))
            else:
                unfinished.keep()
                raise entry
            shown.update()
            if interrupts.requested:
                unfinished.keep()
                raise KeyboardInterrupt(f"{unfinished.count} of {total} images are packed; the same call goes on")


class _Source:
    """The images of a data set as the bytes of files."""

    def __init__(self, data: Dataset, size: int | None) -> None:
        self.data, self.size = data, size
        # What the images are taken from, and their numbers there.
        base, self.indices = data, np.arange(len(data))
        while isinstance(base, Subset):
            self.indices = base.indices[self.indices]
            base = base.base
        self.base = base
        if isinstance(self.base, Packed) and size is None:
            raise ValueError(f"{self.base.path}: is packed already; with size= its images are made smaller")
        self.paths = [] if isinstance(self.base, Packed) else data.paths
        self.names = self._names()
        self._local = threading.local()

    def _names(self) -> list[str]:
        """Paths below the folder that all lie in; numbers, where there are none."""
        paths = self.data.paths
        if not paths:
            return [f"{index:08}.npy" for index in range(len(self.data))]
        if isinstance(self.base, ImageFolder | Packed):
            root = self.base.path
        else:
            # The deepest folder of all; paths may be relative and absolute, which commonpath refuses.
            prefix = os.path.commonprefix(paths)  # noqa: RUF071
            root = prefix[: prefix.rfind("/") + 1]
        return [path[len(root) :].lstrip("/") for path in paths]

    def identity(self) -> str:
        """A digest of what is to be packed: names, labels, sizes and times of files, or pixels."""
        digest = hashlib.sha256(f"1 {self.size} {self.data.channels if self.size else ''} {len(self.data)}".encode())
        for name in [*self.names, "", *self.data.classes]:
            digest.update(os.fsencode(name) + b"\0")
        if (labels := self.data.labels) is not None:
            digest.update(labels.tobytes())
        for path in self.paths:
            try:
                status = os.stat(path)
            except OSError:
                continue
            digest.update(f"{status.st_size} {status.st_mtime_ns};".encode())
        if isinstance(self.base, Arrays):
            digest.update(np.ascontiguousarray(self.base.images).data)
            digest.update(self.indices.tobytes())
        return digest.hexdigest()

    def entries(self, first: int) -> Iterator[bytes | Exception]:
        """The files from this index on, or why there is none; some are made ahead, by threads."""
        from concurrent.futures import ThreadPoolExecutor

        workers = max(1, runtime.thread_count())
        waiting: collections.deque[Future[bytes | Exception]] = collections.deque()
        with ThreadPoolExecutor(workers) as pool:
            try:
                ahead = first
                for _ in range(first, len(self.data)):
                    while ahead < len(self.data) and len(waiting) < 2 * workers:
                        waiting.append(pool.submit(self._entry, ahead))
                        ahead += 1
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _entry(self, index: int) -> bytes | Exception:
        try:
            return self._file(index)
        except (OSError, ValueError, ImportError, MemoryError) as error:
            return error

    def _file(self, index: int) -> bytes:
        content = None
        if self.paths:
            with open(self.paths[index], "rb") as file:
                content = file.read()
            if (kind := foreign.kind_of(content)) is not None:
                return self._foreign(kind, content, self.paths[index])
        elif isinstance(self.base, Arrays):
            content = _npy(self.base.images[self.indices[index]])
        if self.size is None:
            assert content is not None
            # Decoded as a whole, and looked at no further.
            if np.isnan(self._own().resized(1, [index])).any():
                self._own()[index]  # raises what is wrong
            return content
        image = self._own()[index]
        return _npy(_reduced(image, self.size)) if min(image.shape[:2]) > self.size or content is None else content

    def _own(self) -> Dataset:
        """The data set by a handle of this thread's own: calls on one handle wait for each other."""
        if not hasattr(self._local, "data"):
            self._local.data = Subset(self.data, np.arange(len(self.data)))
        own: Dataset = self._local.data
        return own

    def _foreign(self, kind: str, content: bytes, path: str) -> bytes:
        try:
            pixels = foreign.decode(kind, content)
        except (ImportError, ValueError) as error:
            raise type(error)(f"cannot read '{_arrays.shown(path)}': {error}") from error
        pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
        if self.size is not None and min(pixels.shape[:2]) > self.size:
            return _npy(_reduced(pixels, self.size))
        return _npy(pixels) if kind == "DICOM" or pixels.dtype != np.uint8 else foreign.png(np.squeeze(pixels))

    def tables(self, chosen: list[int]) -> dict[str, NDArray[Any]]:
        """What stands in the packed file beside the files themselves, of these images."""
        tables = _texts("names", "name_offsets", [self.names[index] for index in chosen])
        labels, classes = self.data.labels, self.data.classes
        if labels is not None:
            tables["labels"] = labels[chosen]
        return tables | (_texts("class_names", "class_name_offsets", classes) if classes else {})


def _texts(name: str, offsets: str, texts: list[str]) -> dict[str, NDArray[Any]]:
    encoded = [os.fsencode(text) for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return {name: np.frombuffer(b"".join(encoded), np.uint8), offsets: ends}


def _npy(pixels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(pixels))
    return file.getvalue()


def _reduced(image: NDArray[Any], size: int) -> NDArray[Any]:
    """With a short side of `size`, in 8 bits where the image has no more, else in 16."""
    height, width = image.shape[:2]
    sides = [max(1, round(side * size / min(height, width))) for side in (height, width)]
    small = np.clip(resize(image, sides), 0, 1)
    largest, kind = (255, np.uint8) if _has_8_bits(image) else (65535, np.uint16)
    return np.rint(small * largest).astype(kind)


def _has_8_bits(image: NDArray[Any]) -> bool:
    if image.dtype != np.float32:
        return image.dtype == np.uint8
    # A few rows at a time, which stay in the cache.
    for first in range(0, len(image), 16):
        levels = image[first : first + 16] * np.float32(255)
        # Steps of 16 bits are 0.004 here; rounding is below 0.0001.
        if (np.abs(levels - np.rint(levels)) > 0.001).any():
            return False
    return True
