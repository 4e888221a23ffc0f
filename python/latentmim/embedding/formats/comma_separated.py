"""CSV: columns "path" and "label" as far as they are known, as `data.from_csv` reads them, then features0 and so on."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.data.labels import numbered
from latentmim.embedding.table import Known, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray

__all__ = ["check", "read", "write"]


def check(place: str, kind: str) -> None:
    """Raises ValueError for tokens.

    Examples:
        >>> from latentmim.embedding.formats import comma_separated
        >>> comma_separated.check("table.csv", "vectors")

    """
    if kind == "tokens":
        raise ValueError(
            f"{_arrays.shown(place)}: a CSV table has one row of numbers for each image, tokens are several: wanted "
            ".npz, .npy or .parquet, or another pooling"
        )


def write(file: Any, kind: str, shape: tuple[int, ...], known: Known, count: int, blocks: Iterator[FloatArray]) -> None:
    """Numbers have the digits that give the same float32 back.

    Examples:
        >>> import io
        >>> from latentmim.embedding.formats import comma_separated
        >>> from latentmim.embedding.table import Known
        >>> file, vectors = io.BytesIO(), np.ones((1, 2), np.float32)
        >>> comma_separated.write(file, "vectors", (2,), Known(["a.jpg"], None, []), 1, iter([vectors]))
        >>> file.getvalue().decode().splitlines()
        ['path,features0,features1', 'a.jpg,1.0,1.0']

    """
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    table = csv.writer(text, lineterminator="\n")
    columns = [part for part in (known.paths, known.label_values) if part]
    names = ["path"] * bool(known.paths) + ["label"] * bool(known.label_values)
    table.writerow([*names, *(f"features{number}" for number in range(shape[0]))])
    row = 0
    for block in blocks:
        for values in block:
            table.writerow([*(column[row] for column in columns), *map(str, values)])
            row += 1
    text.flush()
    text.detach()


def read(place: str) -> Table:
    """The whole table. Raises ValueError, naming the line, for another one.

    Examples:
        >>> _ = lm.embed(encoder, photos[:3], "three.csv", progress=False)
        >>> from latentmim.embedding.formats import comma_separated
        >>> comma_separated.read("three.csv").values.shape
        (3, 48)

    """
    with open(place, encoding="utf-8", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            first = sum(name in ("path", "label") for name in header[:2])
            if header[first:] != [f"features{number}" for number in range(len(header) - first)] or not header[first:]:
                raise ValueError("columns are not path, label, features0, …")
            rows = list(reader)
            values = np.array([row[first:] for row in rows], np.float32).reshape(len(rows), -1)
        except (csv.Error, ValueError) as error:
            raise ValueError(
                f"{_arrays.shown(place)}, by line {reader.line_num}: is no table that embed wrote: {error}"
            ) from None
    columns = {name: [row[number] for row in rows] for number, name in enumerate(header[:first])}
    labels: Any = columns.get("label")
    if labels and all(label.isascii() and label.isdigit() for label in labels):
        labels = [int(label) for label in labels]
    return Table("vectors", values, Known(columns.get("path", []), *numbered(labels, None)))
