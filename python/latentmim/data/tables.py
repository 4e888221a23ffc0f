"""Lists of images in files: CSV and Parquet tables, CoOp's divisions."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.data.files import ImageList, OnError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim._arrays import PathLike

__all__ = ["coop_split", "from_csv"]


def from_csv(
    path: PathLike,
    *,
    path_column: str = "path",
    label_column: str | None = "label",
    classes: Sequence[str] | None = None,
    root: PathLike | None = None,
    on_error: OnError = "raise",
    channels: int = 3,
    background: float | Sequence[float] = 1.0,
) -> ImageList:
    """Image files that a table names: CSV with a line of column names, or Parquet.

    Args:
        path: of the table; what begins as a Parquet file is read as one, by pyarrow.
        path_column: the column of paths.
        label_column: the column of labels, names or whole numbers from 0; None where there are none. Where all of them
            are whole numbers, they are the classes' numbers.
        classes: see `ImageList`.
        root: a folder that relative paths begin in; if not given, that of the table.
        on_error: see `ImageFolder`.
        channels: see `ImageFolder`.
        background: see `ImageFolder`.

    Raises:
        OSError: the table cannot be read.
        ImportError: it is a Parquet file, and pyarrow is missing.
        ValueError: a column is missing, a cell is empty; the message names file, line and column.

    Examples:
        >>> rows = [f"{path},{label}" for path, label in zip(photos.paths, photos.labels)]
        >>> np.savetxt("table.csv", rows, fmt="%s", header="path,label", comments="")
        >>> lm.data.from_csv("table.csv")
        ImageList(28 images)

    """
    table = _arrays.path(path)
    columns = [path_column] if label_column is None else [path_column, label_column]
    rows: list[tuple[str, list[Any]]] = (_parquet_rows if _is_parquet(table) else _csv_rows)(table, columns)
    for place, cells in rows:
        for name, cell in zip(columns, cells, strict=True):
            if cell is None or cell == "":
                raise ValueError(f"{table}, {place}, column '{name}': is empty, wanted a {_meaning(name, path_column)}")
    if not rows:
        raise ValueError(f"{table}: has no rows, wanted one for each image")
    labels = None if label_column is None else _labels(table, label_column, [(place, row[1]) for place, row in rows])
    return ImageList(
        [row[0] for _, row in rows], labels, classes=classes, on_error=on_error, channels=channels,
        root=os.path.dirname(os.path.abspath(table)) if root is None else root, background=background,
    )  # fmt: skip


def _meaning(name: str, path_column: str) -> str:
    return "path" if name == path_column else "label"


def _labels(table: str, column: str, cells: list[tuple[str, Any]]) -> list[str] | list[int]:
    """Numbers where all are whole numbers, else names."""
    numbers: list[int] = []
    for _, cell in cells:
        text = str(cell)
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            return [str(label) for _, label in cells]
        numbers.append(int(text))
    for (place, _), number in zip(cells, numbers, strict=True):
        if not 0 <= number < 2**31:
            raise ValueError(f"{table}, {place}, column '{column}': is {number}, wanted a whole number from 0")
    return numbers


def _csv_rows(table: str, columns: list[str]) -> list[tuple[str, list[Any]]]:
    rows: list[tuple[str, list[Any]]] = []
    # Spreadsheets write a mark before the first name; paths keep bytes that are no UTF-8.
    with open(table, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            places = [_place(table, name, header) for name in columns]
            for row in reader:
                if row:
                    cells = [row[place] if place < len(row) else None for place in places]
                    rows.append((f"line {reader.line_num}", cells))
        except csv.Error as error:
            raise ValueError(f"{table}, line {reader.line_num}: is no CSV, {error}") from None
    return rows


def _place(table: str, name: str, header: list[str]) -> int:
    names = [text.strip() for text in header]
    if names.count(name) != 1:
        found = "no column" if name not in names else "more than one column"
        raise ValueError(f"{table}, line 1: has {found} '{name}', its columns are {', '.join(map(repr, names))}")
    return names.index(name)


def _is_parquet(table: str) -> bool:
    with open(table, "rb") as file:
        return file.read(4) == b"PAR1"


def _parquet_rows(table: str, columns: list[str]) -> list[tuple[str, list[Any]]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError(
            f"{table}: is a Parquet file, which pyarrow reads: pip install 'latentmim[parquet]'"
        ) from None
    try:
        found = parquet.ParquetFile(table)
        for name in columns:
            _place(table, name, found.schema_arrow.names)
        values = [found.read([name]).column(0).to_pylist() for name in columns]
    except pyarrow.ArrowException as error:
        raise ValueError(f"{table}: cannot be read as Parquet, {error}") from None
    return [(f"row {index}", list(row)) for index, row in enumerate(zip(*values, strict=True))]


def coop_split(
    path: PathLike,
    root: PathLike,
    *,
    on_error: OnError = "raise",
    channels: int = 3,
    background: float | Sequence[float] = 1.0,
) -> dict[str, ImageList]:
    """The division of a data set that CoOp (Zhou et al., 2022) published: `split_zhou_….json`.

    Args:
        path: of the JSON file: {"train": [[path, label, class name], …], "val": …, "test": …}.
        root: the folder that its paths begin in.
        on_error: see `ImageFolder`.
        channels: see `ImageFolder`.
        background: see `ImageFolder`.

    Returns:
        A list of images for each of "train", "val" and "test", all with the same classes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file; the message names the entry.

    Examples:
        >>> import json, pathlib
        >>> split = {name: [["a.jpg", 0, "cat"], ["b.jpg", 1, "dog"]] for name in ("train", "val", "test")}
        >>> _ = pathlib.Path("split_zhou_Pets.json").write_text(json.dumps(split))
        >>> lm.data.coop_split("split_zhou_Pets.json", root="pictures")["test"].classes
        ['cat', 'dog']

    """
    place = _arrays.path(path)
    with open(place, "rb") as file:
        try:
            parts = json.load(file)
        except ValueError as error:
            raise ValueError(f"{place}: is no JSON, {error}") from None
    if not isinstance(parts, dict) or not parts:
        raise ValueError(f"{place}: wanted an object with 'train', 'val' and 'test'")
    names: dict[int, str] = {}
    for part, entries in parts.items():
        if not isinstance(entries, list) or not entries:
            raise ValueError(f"{place}, '{part}': wanted a list of images")
        for index, entry in enumerate(entries):
            _check_entry(f"{place}, '{part}', entry {index}", entry, names)
    if missing := [number for number in range(max(names) + 1) if number not in names]:
        raise ValueError(f"{place}: no image has label {missing[0]}, wanted all from 0 to {max(names)}")
    classes = [names[number] for number in range(len(names))]
    # Two labels of the same name are classes of their own in some of these files.
    classes = [f"{name} ({number})" if classes.count(name) > 1 else name for number, name in enumerate(classes)]
    return {
        part: ImageList(
            [entry[0] for entry in entries], [entry[1] for entry in entries], classes=classes, root=root,
            on_error=on_error, channels=channels, background=background,
        )
        for part, entries in parts.items()
    }  # fmt: skip


def _check_entry(place: str, entry: Any, names: dict[int, str]) -> None:
    kinds = (str, int, str)
    is_one = isinstance(entry, list) and len(entry) == 3 and all(map(isinstance, entry, kinds))
    if not is_one or isinstance(entry[1], bool) or not 0 <= entry[1] < 2**31:
        raise ValueError(f"{place}: is {str(entry)[:80]}, wanted [path, label, class name]")
    if names.setdefault(entry[1], entry[2]) != entry[2]:
        raise ValueError(f"{place}: label {entry[1]} is called '{entry[2]}', and '{names[entry[1]]}' before")
