"""A folder that appears when all in it is written, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from latentmim._files import umask

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["refuse_filled", "written_whole"]


def refuse_filled(place: str) -> None:
    """Refuse what is there and no empty folder. Raises FileExistsError, NotADirectoryError.

    Examples:
        >>> from latentmim.export.folder import refuse_filled
        >>> refuse_filled("not there yet")

    """
    if os.path.isdir(place) and not os.path.islink(place):
        if os.listdir(place):
            raise FileExistsError(errno.EEXIST, "holds files, wanted a new or an empty folder", place)
    elif os.path.lexists(place):
        raise NotADirectoryError(errno.ENOTDIR, "is there and no folder, wanted a new or an empty one", place)


@contextlib.contextmanager
def written_whole(place: str) -> Iterator[str]:
    """A hidden folder beside `place`, which gets its name, on the disk, when the block ends without an error.

    Examples:
        >>> import os, pathlib
        >>> from latentmim.export.folder import written_whole
        >>> with written_whole(os.path.abspath("out")) as place:
        ...     _ = pathlib.Path(place, "a.txt").write_text("a")
        >>> os.listdir("out")
        ['a.txt']

    """
    above, name = os.path.split(place)
    os.makedirs(above, exist_ok=True)
    beside = tempfile.mkdtemp(prefix=f".{name}.", dir=above)
    try:
        yield beside
        for path in [os.path.join(beside, inside) for inside in os.listdir(beside)] + [beside]:
            _flush(path)
        os.chmod(beside, 0o777 & ~umask())
        # Takes the place of an empty folder, and of nothing else.
        os.rename(beside, place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _flush(above)


def _flush(path: str) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
