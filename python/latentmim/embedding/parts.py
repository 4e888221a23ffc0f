"""What is computed of a table while it is not finished: a folder of parts beside it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays, _files
from latentmim.embedding.formats import npz
from latentmim.embedding.table import Known, Table
from latentmim.runs.lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray

__all__ = ["Parts", "read"]

# What is computed follows to the disk after so many bytes or seconds.
KEEP_BYTES, KEEP_SECONDS = 1 << 26, 15.0
ABOUT = "about.json"


class Parts:
    """Rows of a table in files `OUT.parts/NUMBER.npz`, the number that of their first image; each is written whole or
    not at all. `about.json` says what they are of.

    Args:
        out: the file that they will become.
        identity: what they are of; parts of anything else are refused.
        known: paths and labels of all images.
        kind: "vectors" or "tokens".
        restart: whether what is there is thrown away.

    Attributes:
        folder: where they lie.

    """

    def __init__(self, out: str, identity: dict[str, Any], known: Known, kind: str, *, restart: bool) -> None:
        self.folder = f"{out}.parts"
        self._out, self._identity, self._known, self._kind = out, identity, known, kind
        self._restart = restart
        self._lock = RunLock(self.folder)
        self._new: list[FloatArray] = []
        self._kept = 0
        self._time = time.monotonic()

    @property
    def count(self) -> int:
        """Rows so far."""
        return self._kept + sum(map(len, self._new))

    def __enter__(self) -> Parts:
        # Not its folder's folders.
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.folder)
        self._lock.__enter__()
        try:
            self._take_up()
        except BaseException:
            self._lock.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if os.path.isdir(self.folder):
                self.keep()
        finally:
            if not self._kept:
                self.remove()
            self._lock.__exit__()
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)

    def add(self, rows: FloatArray) -> None:
        """The next rows."""
        self._new.append(rows)
        if sum(part.nbytes for part in self._new) >= KEEP_BYTES or time.monotonic() - self._time >= KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Bring what is new to the disk."""
        if self._new:
            rows = np.concatenate(self._new)
            known = self._known.some(slice(self._kept, self._kept + len(rows)))
            with _files.written_whole(os.path.join(self.folder, f"{self._kept:09}.npz")) as file:
                npz.write(file, self._kind, rows.shape[1:], known, len(rows), iter([rows]))
            self._kept += len(rows)
            self._new = []
        self._time = time.monotonic()

    def blocks(self) -> Iterator[FloatArray]:
        """All rows, some parts at a time."""
        self.keep()
        gathered: list[FloatArray] = []
        for place in _part_files(self.folder):
            gathered.append(npz.read(place).values)
            if sum(part.nbytes for part in gathered) >= KEEP_BYTES:
                yield np.concatenate(gathered)
                gathered = []
        if gathered:
            yield np.concatenate(gathered)

    def remove(self) -> None:
        """Take what was written off the disk."""
        for name in os.listdir(self.folder):
            # Those that were never finished, too.
            if re.match(r"\d{9}\.npz|about\.json", name):
                os.unlink(os.path.join(self.folder, name))
        self._new, self._kept = [], 0

    def _take_up(self) -> None:
        """Go on behind the last part that is whole, or begin."""
        if self._restart:
            self.remove()
        place = os.path.join(self.folder, ABOUT)
        if os.path.exists(place):
            self._require_same(place)
        elif _part_files(self.folder):
            raise ValueError(f"{_arrays.shown(self.folder)}: has no {ABOUT} beside its parts: restart=True starts over")
        else:
            with _files.written_whole(place) as file:
                file.write(json.dumps(self._identity, indent=1).encode())
        for path in _part_files(self.folder):
            rows = _rows_in(path)
            if rows is None or int(os.path.basename(path)[:9]) != self._kept:
                os.unlink(path)
            else:
                self._kept += rows

    def _require_same(self, place: str) -> None:
        with open(place, encoding="utf-8") as file:
            try:
                there = dict(json.load(file))
            except ValueError as error:
                raise ValueError(f"{_arrays.shown(place)}: is damaged, {error}: restart=True starts over") from None
        here = json.loads(json.dumps(self._identity))
        differing = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        if differing:
            each = "; ".join(f"{name}: was {there.get(name)!r}, is {here.get(name)!r}" for name in differing)
            raise ValueError(
                f"{_arrays.shown(self._out)}: was begun with other things and never finished ({each}): "
                f"restart=True starts over, Embedding.load reads {_arrays.shown(self.folder)}"
            )


def read(folder: str) -> Table:
    """The rows in a folder of parts, from the first image on. Raises ValueError where there are none."""
    parts: list[Table] = []
    for place in _part_files(folder):
        if int(os.path.basename(place)[:9]) != sum(len(part.values) for part in parts) or _rows_in(place) is None:
            break
        parts.append(npz.read(place))
    if not parts:
        raise ValueError(f"{_arrays.shown(folder)}: is a folder, but holds no parts that embed left")
    labels = [part.known.labels for part in parts if part.known.labels is not None]
    paths = [path for part in parts for path in part.known.paths]
    known = Known(paths, np.concatenate(labels) if labels else None, parts[0].known.classes)
    return Table(parts[0].kind, np.concatenate([part.values for part in parts]), known)


def _part_files(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if re.fullmatch(r"\d{9}\.npz", name)]


def _rows_in(path: str) -> int | None:
    """How many rows a part has; None where it is damaged."""
    try:
        return len(npz.read(path).values)
    except ValueError:
        return None
