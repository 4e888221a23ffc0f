"""Files that appear when they are complete."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import PathLike


def write_header(file: Any, shape: tuple[int, ...]) -> None:
    """What stands before the numbers in an .npy file of float32."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


@contextlib.contextmanager
def written_whole(path: PathLike) -> Iterator[Any]:
    """A file that appears under its name when it is complete, and not at all after an error."""
    place = os.path.abspath(os.fsdecode(path))
    number, beside = tempfile.mkstemp(prefix=os.path.basename(place) + ".", dir=os.path.dirname(place))
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, 0o666 & ~umask())
        os.replace(beside, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
