"""Weights as bytes: what is pickled of a model or an encoder is the file that `save` writes."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bytes_of", "from_bytes", "refuse_pickling"]

NAME = "weights.safetensors"


def bytes_of(save: Callable[[Any, str], None], handle: Any) -> bytes:
    """What `save(handle, path)` writes. Raises OSError where the system's folder for such files has no room."""
    with tempfile.TemporaryDirectory(prefix="latentmim-") as folder:
        place = os.path.join(folder, NAME)
        save(handle, place)
        with open(place, "rb") as file:
            return file.read()


def from_bytes(load: Callable[[str, str], tuple[Any, str | None]], content: bytes) -> Any:
    """What `load(path, options)` makes of such bytes. Raises OSError, and ValueError where they are damaged."""
    with tempfile.TemporaryDirectory(prefix="latentmim-") as folder:
        place = os.path.join(folder, NAME)
        with open(place, "wb") as file:
            file.write(content)
        return load(place, "{}")[0]


def refuse_pickling(what: str, instead: str) -> None:
    """Raises TypeError, as pickling does of what it cannot take."""
    raise TypeError(f"{what}: cannot be pickled or copied; {instead}")
