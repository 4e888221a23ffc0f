"""A packed file while it is being written: a hidden file beside it, and a journal of what is whole in it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Unfinished"]

# Bytes in front of the images: a header of fixed length, written last.
HEADER = 4096
# The journal follows the file to the disk after so many bytes or seconds.
KEEP_BYTES, KEEP_SECONDS = 1 << 26, 5.0
TYPES = {"uint8": "U8", "uint32": "U32", "int64": "I64"}


class Unfinished:
    """Files one after another in `.NAME.unfinished`, and a line for each in `.NAME.journal`, later on the disk than the
    file itself: [index, end, CRC-32], or [index, reason] where there is none.

    Args:
        target: the file to become.
        identity: of what is packed; what another left is refused.
        restart: whether what is there is replaced.

    Attributes:
        skipped: the reasons by index.

    Examples:
        >>> from latentmim.data.unfinished import Unfinished
        >>> with Unfinished("photos.safetensors", "what it is made of", restart=False) as file:
        ...     file.count
        0

    """

    def __init__(self, target: str, identity: str, *, restart: bool) -> None:
        if os.path.lexists(target) and (not restart or os.path.isdir(target)):
            raise FileExistsError(errno.EEXIST, "is there; restart=True replaces a file", target)
        folder, name = os.path.split(target)
        self._target, self._folder = target, folder
        self._path = os.path.join(folder, f".{name}.unfinished")
        self._journal_path = os.path.join(folder, f".{name}.journal")
        self._entries: list[tuple[int, int] | str] = []
        self._end = self._size = 0
        self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        try:
            self._lock()
            self._take_up(identity, restart)
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(errno.EAGAIN, "another process is packing into it", self._target) from None
        # The other may have finished in between: what is locked then is its result.
        if not os.path.exists(self._path) or not os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno())):
            raise FileExistsError(errno.EEXIST, "another process has packed into it just now", self._target)

    def _take_up(self, identity: str, restart: bool) -> None:
        """Go on behind the last file that is whole."""
        is_new = os.fstat(self._file.fileno()).st_size == 0
        lines = [] if restart or is_new else self._lines()
        if lines and lines[0] != identity:
            raise ValueError(
                f"{self._target}: was begun with other images or another size, and never finished: "
                "restart=True starts over"
            )
        for line in lines[1:]:
            if not self._is_next(line):
                break
            self._note(line[1] if len(line) == 2 else (line[1], line[2]))
        while self._entries and not self._is_whole():
            self._entries.pop()
            self._end = next((entry[0] for entry in reversed(self._entries) if not isinstance(entry, str)), 0)
        self._file.truncate(HEADER + self._end)
        self._file.seek(HEADER + self._end)
        # Rewritten, as it may have ended within a line.
        with open(self._journal_path + "-", "w", encoding="ascii") as file:
            file.write(json.dumps(identity) + "\n" + self._journal_lines(0))
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._journal_path + "-", self._journal_path)
        self._journal = open(self._journal_path, "a", encoding="ascii")  # noqa: SIM115
        self._kept, self._time = len(self._entries), time.monotonic()

    def _lines(self) -> list[Any]:
        lines = []
        with contextlib.suppress(FileNotFoundError, ValueError), open(self._journal_path, encoding="ascii") as file:
            for line in file:
                lines.append(json.loads(line if line.endswith("\n") else "cut off"))
        return lines

    def _is_next(self, line: Any) -> bool:
        if not isinstance(line, list) or len(line) not in (2, 3) or line[0] != len(self._entries):
            return False
        if len(line) == 2:
            return isinstance(line[1], str)
        size = os.fstat(self._file.fileno()).st_size - HEADER
        return all(isinstance(number, int) for number in line) and self._end <= line[1] <= size

    def _journal_lines(self, first: int) -> str:
        entries = enumerate(self._entries[first:], first)
        lines = ([index, entry] if isinstance(entry, str) else [index, *entry] for index, entry in entries)
        return "".join(json.dumps(line) + "\n" for line in lines)

    def _is_whole(self) -> bool:
        last = self._entries[-1]
        if isinstance(last, str):
            return True
        begin = next((entry[0] for entry in reversed(self._entries[:-1]) if not isinstance(entry, str)), 0)
        self._file.seek(HEADER + begin)
        return zlib.crc32(self._file.read(last[0] - begin)) == last[1]

    def _note(self, entry: tuple[int, int] | str) -> None:
        self._entries.append(entry)
        if not isinstance(entry, str):
            self._end = entry[0]

    @property
    def count(self) -> int:
        """How many images are done, those among them that were skipped."""
        return len(self._entries)

    @property
    def kept(self) -> list[int]:
        """The indices of those that are in the file."""
        return [index for index, entry in enumerate(self._entries) if not isinstance(entry, str)]

    @property
    def skipped(self) -> dict[int, str]:
        """The reasons of the others."""
        return {index: entry for index, entry in enumerate(self._entries) if isinstance(entry, str)}

    def add(self, content: bytes) -> None:
        """The next image."""
        self._file.write(content)
        self._note((self._end + len(content), zlib.crc32(content)))
        self._size += len(content)
        if self._size > KEEP_BYTES or time.monotonic() - self._time > KEEP_SECONDS:
            self.keep()

    def skip(self, reason: str) -> None:
        """The next image is none."""
        self._note(reason)

    def keep(self) -> None:
        """Bring what is done to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._journal.write(self._journal_lines(self._kept))
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._kept, self._size, self._time = len(self._entries), 0, time.monotonic()

    def finish(self, tables: dict[str, NDArray[Any]]) -> int:
        """Write what belongs beside the images, and give the file its name. Returns its size in bytes."""
        self.keep()
        ends = [entry for entry in self._entries if not isinstance(entry, str)]
        all_tables: dict[str, NDArray[Any]] = {
            "offsets": np.array([0, *(end for end, _ in ends)], np.int64),
            "checksums": np.array([checksum for _, checksum in ends], np.uint32),
            **tables,
        }
        header: dict[str, Any] = {"__metadata__": {"format": "latentmim.packed", "version": "1"}}
        # Numbers of eight bytes follow: what stands behind the last image belongs to none.
        place = self._end + -self._end % 8
        self._file.write(bytes(place - self._end))
        header["files"] = {"dtype": "U8", "shape": [place], "data_offsets": [0, place]}
        # Wide numbers first: those after them need not be aligned.
        for name, values in sorted(all_tables.items(), key=lambda item: -item[1].itemsize):
            content = values.astype(values.dtype.newbyteorder("<")).tobytes()
            self._file.write(content)
            offsets = [place, place + len(content)]
            header[name] = {"dtype": TYPES[values.dtype.name], "shape": [len(values)], "data_offsets": offsets}
            place += len(content)
        text = json.dumps(header).encode().ljust(HEADER - 8)
        assert len(text) == HEADER - 8
        self._file.seek(0)
        self._file.write(len(text).to_bytes(8, "little") + text)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._path, self._target)
        self._flush_folder()
        os.unlink(self._journal_path)
        return HEADER + place

    def _flush_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):
                os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        self._file.close()
