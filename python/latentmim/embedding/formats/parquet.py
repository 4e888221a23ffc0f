"""Parquet: columns "path" and "label" as far as they are known, and "vector" or "tokens", lists of fixed length."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.embedding.table import Known, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray

__all__ = ["check", "read", "write"]

COLUMNS = {"vectors": "vector", "tokens": "tokens"}


def check(place: str, kind: str) -> None:
    """Raises ImportError where pyarrow is missing.

    Examples:
        >>> from latentmim.embedding.formats import parquet
        >>> parquet.check("table.parquet", "vectors")

    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ImportError(
            f"{_arrays.shown(place)}: Parquet files need pyarrow: pip install 'latentmim[parquet]'"
        ) from None


def write(file: Any, kind: str, shape: tuple[int, ...], known: Known, count: int, blocks: Iterator[FloatArray]) -> None:
    """A row group for each block. Bytes of paths that are no UTF-8 are written as escapes.

    Examples:
        >>> import io
        >>> import pyarrow.parquet
        >>> from latentmim.embedding.formats import parquet
        >>> from latentmim.embedding.table import Known
        >>> file, vectors = io.BytesIO(), np.ones((1, 2), np.float32)
        >>> parquet.write(file, "vectors", (2,), Known(["a.jpg"], None, []), 1, iter([vectors]))
        >>> pyarrow.parquet.read_table(io.BytesIO(file.getvalue())).column_names
        ['path', 'vector']

    """
    import pyarrow
    from pyarrow import parquet

    numbers: Any = pyarrow.float32()
    for size in reversed(shape):
        numbers = pyarrow.list_(numbers, size)
    columns: dict[str, Any] = {}
    if known.paths:
        columns["path"] = pyarrow.array([_arrays.shown(path) for path in known.paths], pyarrow.string())
    if (labels := known.label_values) is not None:
        columns["label"] = pyarrow.array(labels, pyarrow.string() if known.classes else pyarrow.int64())
    fields = [(name, column.type) for name, column in columns.items()] + [(COLUMNS[kind], numbers)]
    about = {"latentmim": json.dumps({"classes": known.classes, "shape": shape})}
    schema = pyarrow.schema(fields, metadata=about)
    row = 0
    with parquet.ParquetWriter(file, schema) as writer:
        for block in blocks:
            lists: Any = pyarrow.array(np.ascontiguousarray(block).reshape(-1))
            for size in reversed(shape):
                lists = pyarrow.FixedSizeListArray.from_arrays(lists, size)
            some = [column.slice(row, len(block)) for column in columns.values()]
            writer.write_table(pyarrow.table([*some, lists], schema=schema))
            row += len(block)


def read(place: str) -> Table:
    """The whole table. Raises ValueError for another one.

    Examples:
        >>> _ = lm.embed(encoder, photos[:3], "three.parquet", progress=False)
        >>> from latentmim.embedding.formats import parquet
        >>> parquet.read("three.parquet").values.shape
        (3, 48)

    """
    check(place, "vectors")
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(place)
        about = json.loads((table.schema.metadata or {})[b"latentmim"])
        kind = next(kind for kind, column in COLUMNS.items() if column in table.column_names)
    except (pyarrow.ArrowException, KeyError, StopIteration, ValueError) as error:
        raise ValueError(f"{_arrays.shown(place)}: is no table that embed wrote: {error!r}") from None
    flat = table.column(COLUMNS[kind]).combine_chunks()
    for _ in about["shape"]:
        flat = flat.flatten()
    shape = (table.num_rows, *about["shape"])
    values = np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(shape)
    assert values.size == math.prod(shape)
    classes = about["classes"]
    columns = {name: table.column(name).to_pylist() for name in ("path", "label") if name in table.column_names}
    labels = columns.get("label")
    if classes and labels is not None:
        labels = [classes.index(label) for label in labels]
    return Table(kind, values, Known(columns.get("path", []), None if labels is None else np.array(labels), classes))
