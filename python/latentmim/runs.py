"""The folder of a run: config.json, metrics.jsonl, checkpoints/, encoder.safetensors."""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import math
import os
import shutil
from typing import TYPE_CHECKING, Any

from latentmim import _arrays

if TYPE_CHECKING:
    from latentmim._arrays import PathLike
    from latentmim.config import TrainingConfig
    from latentmim.model import LatentMIM

__all__ = ["RunFolder", "read_metrics"]


class RunFolder:
    """Where a run writes."""

    def __init__(self, path: PathLike) -> None:
        self.path = _arrays.path(path)
        if not self.path:
            raise ValueError("out: is empty, wanted a folder")
        self.config = os.path.join(self.path, "config.json")
        self.metrics = os.path.join(self.path, "metrics.jsonl")
        self.checkpoints = os.path.join(self.path, "checkpoints")
        self.last = os.path.join(self.checkpoints, "last.safetensors")
        self.encoder = os.path.join(self.path, "encoder.safetensors")
        self.pictures = os.path.join(self.path, "pictures")

    def history(self, until: int) -> list[dict[str, Any]]:
        """The lines of the log up to a step."""
        lines = read_metrics(self.metrics) if os.path.exists(self.metrics) else []
        return [line for line in lines if line["step"] <= until]

    def holds(self, checkpoint: PathLike) -> bool:
        """Whether a checkpoint is one of this run."""
        return os.path.dirname(os.path.realpath(checkpoint)) == os.path.realpath(self.checkpoints)

    def set_aside(self) -> None:
        """Move an earlier run's files, if it left any weights, to `previous-1` (or -2, …), a run's folder in turn."""
        if not os.path.exists(self.encoder) and not glob.glob(os.path.join(glob.escape(self.checkpoints), "*")):
            return
        numbered = (os.path.join(self.path, f"previous-{number}") for number in itertools.count(1))
        place = next(path for path in numbered if not os.path.exists(path))
        os.mkdir(place)
        for path in (self.config, self.metrics, self.checkpoints, self.encoder, self.pictures):
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, os.path.join(place, os.path.basename(path)))

    def begin(self, model: LatentMIM, training: TrainingConfig, history: list[dict[str, Any]]) -> None:
        """Make the folder, write the configuration, and bring the log to what has really happened."""
        os.makedirs(self.checkpoints, exist_ok=True)
        self._remove_unfinished()
        configuration = {
            "model": model.config.to_dict(),
            "training": training.to_dict(),
            "chance_loss": _known(model.chance_loss),
            "floor_loss": _known(model.floor_loss),
        }
        _replace(self.config, json.dumps(configuration, indent=2, allow_nan=False) + "\n")
        _replace(self.metrics, "".join(map(_line, history)))

    def log(self, metrics: dict[str, Any]) -> None:
        """Add a line to the log. Closing the file flushes it."""
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(_line(metrics))

    def keep(self, epoch: int) -> None:
        """Keep the last checkpoint under the number of its epoch."""
        kept = os.path.join(self.checkpoints, f"epoch-{epoch:04}.safetensors")
        with contextlib.suppress(FileNotFoundError):
            os.remove(kept)
        try:
            # The next save puts another file in the place of `last`; this one stays.
            os.link(self.last, kept)
        except OSError:
            shutil.copy2(self.last, kept)

    def _remove_unfinished(self) -> None:
        """Remove what a killed process had begun to write: the core's hidden files beside their targets."""
        for folder in (self.path, self.checkpoints):
            for path in glob.glob(os.path.join(glob.escape(folder), ".*.safetensors.tmp-*")):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path)


def read_metrics(path: PathLike) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl, one dict a step. A last line that a crash cut off is left out.

    Raises:
        OSError: it cannot be read.
        ValueError: another line is damaged.

    """
    path = _arrays.path(path)
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    history = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}, line {number}: {error}") from None
        history.append({name: math.nan if value is None else value for name, value in entry.items()})
    return history


def _line(metrics: dict[str, Any]) -> str:
    return json.dumps({name: _known(value) for name, value in metrics.items()}, allow_nan=False) + "\n"


def _known(value: Any) -> Any:
    """None for nan (the similarity between images of a batch of one, the chance level of MSE), which JSON knows not."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _replace(path: str, text: str) -> None:
    beside = f"{path}.part"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)
