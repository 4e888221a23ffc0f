"""Rows computed for the images of a data set: a few at a time, in memory or into a file, and which images they are."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from latentmim import _arrays, _files
from latentmim import _latentmim as _native
from latentmim._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.config import ModelConfig
    from latentmim.data import Dataset

# Images between two steps of the progress bar, and answers to Ctrl-C.
CHUNK = 64

Compute: TypeAlias = "Callable[[NDArray[np.int64], FloatArray], None]"


class Encoding(Protocol):
    """What computes rows: an `Encoder`."""

    config: ModelConfig
    _handle: Any
    _ranks: int


def features(
    encoder: Encoding,
    data: Dataset,
    indices: NDArray[np.int64],
    options: str,
    is_dense: bool,
    *,
    layers: int | None = None,
    out: PathLike | None = None,
    progress: bool = False,
) -> FloatArray:
    """Features of images of a data set, options as the core reads them: [count, C], or [count, tokens, C].

    Of a list of layers [count, layers · C], or [count, layers, tokens, C].
    """
    width, of_one = shape(encoder, options, is_dense, layers)
    of_all = (len(indices), *of_one)

    def compute(part: NDArray[np.int64], place: FloatArray) -> None:
        _native.encoder_dataset_features(encoder._handle, data._handle, part, options, place)

    if out is None:
        rows = in_memory(indices, width, compute, "features", progress, encoder._ranks).reshape(of_all)
    else:
        rows = in_file(out, of_all, indices, compute, "features", progress)
    warn_of_unread("features", data, indices, rows)
    return rows


def shape(encoder: Encoding, options: str, is_dense: bool, layers: int | None) -> tuple[int, tuple[int, ...]]:
    """How many numbers the features of an image are, and their shape."""
    width, channels = _native.encoder_features_width(encoder._handle, options), encoder.config.width
    tokens = width // (layers or 1) // channels
    dense = (tokens, channels) if layers is None else (layers, tokens, channels)
    return width, dense if is_dense else (width,)


def in_memory(
    indices: NDArray[np.int64], width: int, compute: Compute, name: str, progress: bool, ranks: int = 1
) -> FloatArray:
    """[count, width], the rows of images with these indices, a part at a time for each of the ranks that compute."""
    rows = _arrays.empty((len(indices), width), name)
    with _bar(len(indices), name, progress) as bar:
        for first, end in _parts(len(indices), ranks):
            part = indices[first:end]
            compute(part, rows[first:end])
            bar.update(len(part))
    return rows


def in_file(
    path: PathLike,
    shape: tuple[int, ...],
    indices: NDArray[np.int64],
    compute: Compute,
    name: str,
    progress: bool,
) -> FloatArray:
    """The same in an .npy file of an array [count, …], written whole or not at all; read from there as it is used."""
    with _files.written_whole(path) as file, _bar(len(indices), name, progress) as bar:
        _files.write_header(file, shape)
        for first, end in _parts(len(indices)):
            part = indices[first:end]
            rows = np.empty((len(part), int(np.prod(shape[1:]))), np.float32)
            compute(part, rows)
            file.write(rows.astype("<f4", copy=False).data)
            bar.update(len(part))
    written: FloatArray = np.load(os.fsdecode(path), mmap_mode="r" if np.prod(shape) else None)
    return written


def _parts(count: int, together: int = 1) -> Iterator[tuple[int, int]]:
    """Where parts, or so many of them together, begin and end, of one size but for an image: OpenBLAS computes a
    product of few rows in another way, and copies of an image would have features of other last bits.
    """
    number = -(-count // CHUNK)
    for part in range(0, number, together):
        yield count * part // number, count * min(part + together, number) // number


def warn_of_unread(name: str, data: Dataset, indices: NDArray[np.int64], rows: FloatArray) -> None:
    """Say which images have rows of NaN: those that could not be read."""
    first: FloatArray = rows
    while first.ndim > 1:
        first = first[:, 0]
    unread = indices[np.isnan(first)]
    if not len(unread):
        return
    paths: Any = getattr(data, "paths", None)
    named = [str(paths[i]) if paths else f"image {i}" for i in unread[:3]]
    rest = " and others" if len(unread) > 3 else ""
    warn(f"{name}: {len(unread)} of {len(indices)} images cannot be read, their rows are NaN: {', '.join(named)}{rest}")


@contextlib.contextmanager
def _bar(total: int, name: str, shown: bool) -> Iterator[Any]:
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=name, unit="image", disable=not shown, leave=False) as bar:
        yield bar
