"""The files that features are written to: a module for each format, listed here by its ending.

Each has `check(place, kind)`, which refuses what it cannot hold; `write(file, kind, shape, known, count, blocks)`, rows
of `shape` from blocks of them; and `read(place)`, which gives the same back.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Protocol, cast

from latentmim import _arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray
    from latentmim.embedding.table import Known, Table

__all__ = ["ENDINGS", "of"]

ENDINGS = {".npz": "npz", ".npy": "npy", ".csv": "comma_separated", ".parquet": "parquet"}


class Format(Protocol):
    """What each module has."""

    def check(self, place: str, kind: str) -> None:
        """Raise where it cannot hold rows of this kind, or a package is missing."""

    def write(
        self, file: Any, kind: str, shape: tuple[int, ...], known: Known, count: int, blocks: Iterator[FloatArray]
    ) -> None:
        """Write a table to a file that is open."""

    def read(self, place: str) -> Table:
        """The table in a file."""


def of(place: str) -> Format:
    """The format of a file, by its ending. Raises ValueError for one that nobody knows.

    Examples:
        >>> from latentmim.embedding import formats
        >>> formats.of("table.csv").__name__
        'latentmim.embedding.formats.comma_separated'

    """
    ending = os.path.splitext(place)[1].lower()
    if ending not in ENDINGS:
        raise ValueError(f"{_arrays.shown(place)}: ends in '{ending}', wanted one of {', '.join(ENDINGS)}")
    return cast("Format", importlib.import_module(f"{__name__}.{ENDINGS[ending]}"))
