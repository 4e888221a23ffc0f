"""What W&B's offline files hold: lines of the last 15 seconds are not there yet (0.31), and a kill takes them along."""

from __future__ import annotations

import glob
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["last_offline_step"]

# The file of a run is a log as LevelDB's, behind seven bytes: blocks with records, or parts of them, each behind its
# checksum, length and type.
BLOCK, OPENING, HEADER = 32768, 7, struct.Struct("<IHB")
WHOLE, LAST = 1, 4


def last_offline_step(folder: str, run_id: str) -> int:
    """The last step of a run in its offline files; 0 where there is none.

    Args:
        folder: of the run, which has them in `wandb/`.
        run_id: its id there.

    """
    from wandb.proto.wandb_internal_pb2 import Record

    pattern = os.path.join(glob.escape(folder), "wandb", f"offline-run-*-{run_id}*", f"run-{run_id}.wandb")
    last = 0
    for path in glob.glob(pattern):
        with open(path, "rb") as file:
            for text in _records(file.read()):
                record = Record.FromString(text)
                if record.WhichOneof("record_type") == "history":
                    last = max(last, int(record.history.step.num))
    return last


def _records(data: bytes) -> Iterator[bytes]:
    """The whole records of a log; what a kill cut off ends it."""
    place, parts = OPENING, b""
    while place + HEADER.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER.size:
            place += left
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        place += HEADER.size + length
        if place > len(data):
            return
        parts += data[place - length : place]
        if kind in (WHOLE, LAST):
            yield parts
            parts = b""
