"""NumPy's arrays: the numbers alone, read from the file as they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays, _files
from latentmim.embedding.table import Known, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray

__all__ = ["check", "read", "write"]


def check(place: str, kind: str) -> None:
    """Anything goes.

    Examples:
        >>> from latentmim.embedding.formats import npy
        >>> npy.check("table.npy", "vectors")

    """


def write(file: Any, kind: str, shape: tuple[int, ...], known: Known, count: int, blocks: Iterator[FloatArray]) -> None:
    """Paths and labels are left out.

    Examples:
        >>> import io
        >>> from latentmim.embedding.formats import npy
        >>> from latentmim.embedding.table import Known
        >>> file, vectors = io.BytesIO(), np.ones((1, 2), np.float32)
        >>> npy.write(file, "vectors", (2,), Known(["a.jpg"], None, []), 1, iter([vectors]))
        >>> np.load(io.BytesIO(file.getvalue()))
        array([[1., 1.]], dtype=float32)

    """
    _files.write_header(file, (count, *shape))
    for block in blocks:
        file.write(np.ascontiguousarray(block, "<f4").data)


def read(place: str) -> Table:
    """The array as a memory map. Raises ValueError for anything else.

    Examples:
        >>> _ = lm.embed(encoder, photos[:3], "three.npy", progress=False)
        >>> from latentmim.embedding.formats import npy
        >>> npy.read("three.npy").values.shape
        (3, 48)

    """
    try:
        values = np.load(place, mmap_mode="r", allow_pickle=False)
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim < 2:
            raise ValueError(f"is {type(values).__name__}, wanted an array of float32, [images, …]")
    except (EOFError, ValueError) as error:
        raise ValueError(f"{_arrays.shown(place)}: is no array that embed wrote: {error}") from None
    return Table("vectors" if values.ndim == 2 else "tokens", values, Known([], None, []))
