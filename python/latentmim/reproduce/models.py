"""From a row to its model, which a teacher may have part in."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from latentmim import _latentmim as _native
from latentmim import _pickling
from latentmim.model import LatentMIM

if TYPE_CHECKING:
    from latentmim.encoder import Encoder
    from latentmim.reproduce.rows import Row
    from latentmim.reproduce.scale import Scale

__all__ = ["build", "digest"]


def build(row: Row, scale: Scale, teacher: Encoder | None = None, *, seed: int = 0) -> LatentMIM:
    """A row's model at a scale; of one that begins as the teacher, at the teacher's own size.

    Raises:
        ValueError: the row cannot be had at this scale, or wants a teacher and there is none.

    """
    if not row.teacher:
        return LatentMIM(**scale.model_options(row), seed=seed)
    if teacher is None:
        raise ValueError("wants a teacher, the weights of a published encoder: --teacher FILE")
    if row.teacher == "target":
        return LatentMIM(**scale.model_options(row), teacher=teacher, seed=seed)
    size = {name: getattr(teacher.config, name) for name in ("width", "depth", "heads", "patch_size")}
    return LatentMIM(**replace(scale, **size).model_options(row), init=teacher, seed=seed)


def digest(teacher: Encoder) -> str:
    """Eight letters that change with a teacher's weights."""
    return f"{zlib.crc32(_pickling.bytes_of(_native.encoder_save, teacher._handle)):08x}"
