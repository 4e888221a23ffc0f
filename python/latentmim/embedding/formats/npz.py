"""NumPy's archives: "vectors" or "tokens", and as far as they are known "paths", "labels" and "classes"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.embedding.table import Known, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray

__all__ = ["check", "read", "write"]


def check(place: str, kind: str) -> None:
    """Anything goes.

    Examples:
        >>> from latentmim.embedding.formats import npz
        >>> npz.check("table.npz", "tokens")

    """


def write(file: Any, kind: str, shape: tuple[int, ...], known: Known, count: int, blocks: Iterator[FloatArray]) -> None:
    """Rows go to the file block by block, not compressed.

    Examples:
        >>> import io
        >>> from latentmim.embedding.formats import npz
        >>> from latentmim.embedding.table import Known
        >>> file, vectors = io.BytesIO(), np.ones((1, 2), np.float32)
        >>> npz.write(file, "vectors", (2,), Known(["a.jpg"], None, []), 1, iter([vectors]))
        >>> np.load(io.BytesIO(file.getvalue()))["vectors"]
        array([[1., 1.]], dtype=float32)

    """
    import zipfile

    others: dict[str, NDArray[Any] | None] = {
        "paths": np.array(known.paths) if known.paths else None,
        "labels": known.labels,
        "classes": np.array(known.classes) if known.classes else None,
    }
    with zipfile.ZipFile(file, "w") as archive:
        # Sizes of 4 GiB and more have a longer header, which has to be known beforehand.
        with archive.open(f"{kind}.npy", "w", force_zip64=True) as entry:
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, *shape)}
            np.lib.format.write_array_header_1_0(entry, header)
            for block in blocks:
                entry.write(np.ascontiguousarray(block, "<f4").data)
        for name, values in others.items():
            if values is not None:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, values, allow_pickle=False)


def read(place: str) -> Table:
    """The whole archive. Raises ValueError for another one, or a damaged one.

    Examples:
        >>> _ = lm.embed(encoder, photos[:3], "three.npz", progress=False)
        >>> from latentmim.embedding.formats import npz
        >>> npz.read("three.npz").known.classes[:2]
        ['Anjou', 'Cantaloupe']

    """
    import zipfile
    import zlib

    try:
        # NumPy leaves files open that it cannot make sense of.
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as archive:
            kind = next((name for name in ("vectors", "tokens") if name in archive.files), None)
            if kind is None:
                raise ValueError(f"holds {', '.join(archive.files)}, wanted 'vectors' or 'tokens'")
            paths, classes = (archive[name].tolist() if name in archive.files else [] for name in ("paths", "classes"))
            labels = archive["labels"] if "labels" in archive.files else None
            return Table(kind, archive[kind], Known(paths, labels, classes))
    except (zipfile.BadZipFile, zlib.error, EOFError, TypeError, ValueError) as error:
        raise ValueError(f"{_arrays.shown(place)}: is no archive that embed wrote: {error}") from None
