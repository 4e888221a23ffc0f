"""Frames from whatever holds a clip."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from latentmim import _arrays
from latentmim.data.datasets import Dataset
from latentmim.data.frames import Frames
from latentmim.data.images import formats, load_levels
from latentmim.data.video import VideoFrames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import PathLike

__all__ = ["Clip", "frames"]

Clip: TypeAlias = "Frames | Dataset | PathLike | ArrayLike | Iterable[PathLike | ArrayLike]"


def frames(source: Clip, *, channels: int = 3) -> Frames:
    """The frames of a clip.

    Args:
        source: the path of a folder of images (in the order of their names, numbers in them by their value), of a video
            file (needs PyAV: `latentmim[video]`) or of an array file (.npy); an array [T, H, W, C], uint8 in 0 … 255 or
            float in 0 … 1; a data set; or anything that gives paths or arrays [H, W, C] one by one, a generator too.
        channels: of each frame, as in `load_image`; videos have 3.

    Returns:
        What `for` goes through. Frame i of a video is the i-th that its file holds and shows, however long it stays,
        turned as the file says.

    Raises:
        OSError: it cannot be read.
        ValueError: there are no frames. While they are read: one is damaged, or the file breaks off; the frame is
            named.
        TypeError: nothing that frames come from.
        ImportError: it is a video, and PyAV is not installed.

    Examples:
        >>> clip = lm.data.frames("clip")
        >>> clip.count, next(iter(clip)).shape
        (6, (64, 64, 3))

    """
    if isinstance(source, Frames):
        return source
    if isinstance(source, str | os.PathLike):
        return _of_path(_arrays.path(source), channels)
    if isinstance(source, Dataset):
        return _Iterated(source, channels, len(source), source.paths)
    if getattr(source, "ndim", 0):
        source = list(np.asarray(source))
    if isinstance(source, list | tuple):
        if (count := len(source)) == 0:
            raise ValueError("frames: there are none")
        paths = [_arrays.path(frame) for frame in source if isinstance(frame, str | os.PathLike)]
        return _Iterated(source, channels, count, paths if len(paths) == count else [])
    if isinstance(source, Iterable) and not hasattr(source, "__array__"):
        return _Iterated(source, channels)
    raise TypeError(
        f"frames: is a {type(source).__name__}, wanted a path, an array [T, H, W, C] or an iterable of frames"
    )


def _of_path(path: str, channels: int) -> Frames:
    if os.path.isdir(path):
        files = _images(path)
        if not files:
            raise ValueError(f"{_arrays.shown(path)}: no image files of {', '.join(formats())} directly in it")
        return _Iterated(files, channels, len(files), files)
    if path.endswith(".npy"):
        found = _Iterated(stored := np.load(path, mmap_mode="r"), channels, len(stored) if stored.ndim else 0)
        found.source = _arrays.shown(path)
        return found
    return VideoFrames(path, channels)


def _images(folder: str) -> list[str]:
    """The image files in a folder, frame 9 before frame 10."""
    endings = tuple(ending for known in formats().values() for ending in known)
    names = [name for name in os.listdir(folder) if name.lower().endswith(endings) and not name.startswith(".")]
    names.sort(key=lambda name: ([(int(part), "") if part.isdigit() else (-1, part) for part in _parts(name)], name))
    return [os.path.join(folder, name) for name in names]


def _parts(name: str) -> list[str]:
    return re.split(r"([0-9]+)", name)


class _Iterated(Frames):
    """Frames that something gives one by one."""

    def __init__(self, given: Any, channels: int, count: int | None = None, paths: list[str] | None = None) -> None:
        self.count = count
        self._given, self._channels, self._paths = given, channels, paths or []
        if self._paths:
            self.source = _arrays.shown(os.path.dirname(self._paths[0]) or ".")

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for index, given in enumerate(self._given):
            yield self._frame(index, given)

    def _frame(self, index: int, given: Any) -> NDArray[Any]:
        if isinstance(given, str | os.PathLike):
            return load_levels(given, channels=self._channels)
        pixels = _arrays.pixels(given, self.name(index))
        if pixels.ndim != 3 or pixels.shape[2] != self._channels:
            raise ValueError(f"{self.name(index)}: shape is {list(pixels.shape)}, wanted [H, W, {self._channels}]")
        return pixels

    def name(self, index: int) -> str:
        return _arrays.shown(self._paths[index]) if self._paths else super().name(index)

    def stem(self, index: int) -> str:
        return os.path.splitext(os.path.basename(self._paths[index]))[0] if self._paths else super().stem(index)
