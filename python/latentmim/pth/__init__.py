"""Weights from PyTorch's `.pth` files (`torch.save`), without PyTorch and without executing anything.

Such a file is a zip archive: a pickle that describes the objects, and one raw file for each storage. Before version 1.6
it was a row of pickles with the storages behind them. The pickle is a
program for a little stack machine that can call any Python function. The machine here knows only what descriptions of
tensors need: it builds numbers, texts, lists, tuples and dicts, and of functions it *recognises* a handful by name,
calling none. What else lies beside the weights (paths, NumPy's numbers, devices, classes of a project) becomes an
`Unread`, which stands for it and is nothing.
"""

from __future__ import annotations

import os
import struct
import zipfile
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.pth._description import PthError
from latentmim.pth._files import Archive, Legacy

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentmim._arrays import FloatArray, PathLike
    from latentmim.pth._files import Checkpoint

__all__ = ["shapes", "weights"]

LONGEST_MESSAGE = 1000


def weights(path: PathLike) -> dict[str, FloatArray]:
    """The tensors in a `.pth` file's `state_dict` or `model` entry, or at its top, as float32 by name.

    Where there are only dicts within dicts, such as {"teacher": {…}}, names are joined by dots.

    float16, bfloat16, float64 and whole numbers are converted.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or cut off, is no zip archive of PyTorch, or holds no tensors.

    """
    found: dict[str, FloatArray] = _opened(path, lambda checkpoint: checkpoint.weights())
    return found


def shapes(path: PathLike) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Element type and shape of every tensor in a file, whatever lies around it; nothing of them is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or cut off, or no checkpoint of PyTorch.

    """
    found: dict[str, tuple[str, tuple[int, ...]]] = _opened(path, lambda checkpoint: checkpoint.shapes())
    return found


def _opened(path: PathLike, read: Callable[[Checkpoint], Any]) -> Any:
    name = _arrays.path(path)
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(1)
            file.seek(0)
            if start == b"\x80":
                return read(Legacy(file, size))
            with _open_zip(file) as archive:
                return read(Archive(archive, size))
    except (ValueError, zipfile.BadZipFile, EOFError, RuntimeError, struct.error) as error:
        # All that zipfile says of archives that are damaged, encrypted or of an unknown kind.
        text = str(error)
        text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} …"
        raise ValueError(f"{name}: {text}") from None
    except OSError as error:
        raise error if error.filename else OSError(f"{name}: {error}") from None


def _open_zip(file: Any) -> zipfile.ZipFile:
    start = file.read(4)
    if start[:2] != b"PK":
        raise PthError("is no .pth file: it does not begin like a zip archive")
    if not zipfile.is_zipfile(file):
        raise PthError("is cut off or damaged: the directory at the end of its zip archive is missing; load it again")
    return zipfile.ZipFile(file)
