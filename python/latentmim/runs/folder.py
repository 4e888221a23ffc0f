"""The folder of a run: config.json, metrics.jsonl, checkpoints/, encoder.safetensors, pictures/."""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from latentmim import _arrays
from latentmim._warnings import warn
from latentmim.runs.lock import RunLock
from latentmim.runs.log import add_metrics, parse_metrics, replace, write_metrics

if TYPE_CHECKING:
    from latentmim._arrays import PathLike

__all__ = ["Resume", "RunFolder", "kept_plan"]

Resume: TypeAlias = "Literal['auto'] | bool | PathLike"

# What loggers write into the folder of a run.
OF_LOGGERS = ("loggers.json", "tensorboard", "wandb")


class RunFolder:
    """Where a run writes.

    Examples:
        >>> from latentmim.runs import RunFolder
        >>> len(RunFolder("run").history())
        4

    """

    def __init__(self, path: PathLike) -> None:
        self.path = _arrays.path(path)
        if not self.path:
            raise ValueError("out: is empty, wanted a folder")
        self.config = os.path.join(self.path, "config.json")
        self.metrics = os.path.join(self.path, "metrics.jsonl")
        self.checkpoints = os.path.join(self.path, "checkpoints")
        self.last = os.path.join(self.checkpoints, "last.safetensors")
        self.best = os.path.join(self.checkpoints, "best.safetensors")
        self.encoder = os.path.join(self.path, "encoder.safetensors")
        self.pictures = os.path.join(self.path, "pictures")

    def lock(self) -> RunLock:
        """Keeps other trainers out while it is entered."""
        return RunLock(self.path)

    def history(self) -> list[dict[str, Any]]:
        """The lines of the log, for `begin` to write anew. A damaged log is kept beside, with a warning."""
        if not os.path.exists(self.metrics):
            return []
        lines, problem = parse_metrics(self.metrics)
        if problem is not None:
            kept = f"{self.metrics}.damaged"
            shutil.copyfile(self.metrics, kept)
            warn(f"{problem}; {kept} keeps the file as it was", RuntimeWarning)
        return lines

    def settings(self) -> dict[str, Any] | None:
        """What config.json holds; None where there is none.

        Raises:
            OSError: it cannot be read.
            ValueError: it is damaged; the message names it.

        """
        try:
            with open(self.config, encoding="utf-8") as file:
                found = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{self.config}: no JSON ({error})") from None
        if not isinstance(found, dict):
            raise ValueError(f"{self.config}: no JSON object")
        return found

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
        beside = [os.path.join(self.path, name) for name in OF_LOGGERS]
        for path in (self.config, self.metrics, self.checkpoints, self.encoder, self.pictures, *beside):
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, os.path.join(place, os.path.basename(path)))

    def begin(self, settings: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """Make the folder, write config.json, and bring the log to what has really happened."""
        os.makedirs(self.checkpoints, exist_ok=True)
        replace(self.config, json.dumps(settings, indent=2, allow_nan=False) + "\n")
        write_metrics(self.metrics, history)

    def log(self, metrics: dict[str, Any]) -> None:
        """Add a line to the log."""
        add_metrics(self.metrics, metrics)

    def flush_log(self) -> None:
        """Bring the log to the disk: a checkpoint never outlasts the lines of its steps."""
        with contextlib.suppress(FileNotFoundError), open(self.metrics, "rb") as file:
            os.fsync(file.fileno())

    def keep(self, epoch: int) -> None:
        """Keep the last checkpoint under the number of its epoch."""
        self._keep(os.path.join(self.checkpoints, f"epoch-{epoch:04}.safetensors"))

    def keep_best(self) -> None:
        """Keep the last checkpoint as the best."""
        self._keep(self.best)

    @property
    def best_step(self) -> int | None:
        """The step of the best checkpoint; None where there is none that can be read."""
        try:
            with open(self.best, "rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            return int(json.loads(header["__metadata__"]["state"])["step"])
        except (OSError, OverflowError, ValueError, KeyError, TypeError):
            return None

    def undo_best(self, step: int) -> None:
        """Put the best checkpoint aside if it is of a later step than a run goes on from."""
        best = self.best_step
        if best is not None and best > step:
            aside = os.path.join(self.checkpoints, f"best-of-step-{best}.safetensors")
            os.replace(self.best, aside)
            print(f"the best state so far is of step {best}, after {step}: it is now {aside}", file=sys.stderr)

    def _keep(self, path: str) -> None:
        """Put the last checkpoint in the place of a file, which is there whole at any time."""
        beside = f"{path}.part"
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        try:
            # The next save puts another file in the place of `last`; this one stays.
            os.link(self.last, beside)
        except OSError:
            shutil.copy2(self.last, beside)
        os.replace(beside, path)
        # Where both were the same file already, the system left it as it was.
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)


def kept_plan(out: PathLike, resume: Resume) -> dict[str, Any] | None:
    """What was chosen for the run with a budget that is gone on with.

    Args:
        out: folder of the run.
        resume: as for `Trainer.fit`.

    Returns:
        "budget" of its config.json; None where there is no run to go on with.

    Raises:
        ValueError: it was begun without a budget, or what is kept is damaged.

    """
    if resume is False:
        return None
    folder = RunFolder(out)
    if not isinstance(resume, bool) and resume != "auto":
        folder = RunFolder(os.path.dirname(os.path.dirname(os.path.realpath(_arrays.path(resume)))))
    elif not os.path.exists(folder.last):
        return None
    kept: dict[str, Any] | None = (folder.settings() or {}).get("budget")
    if kept is None:
        problem = "was begun without a budget; wanted another `out`, or resume=False to set that run aside"
        raise ValueError(f"budget: the run in {_arrays.shown(folder.path)} {problem}")
    names = ("seconds", "epochs", "passes")
    numbers: list[Any] = [kept.get(name) for name in names] if isinstance(kept, dict) else [None]
    if not all(type(number) in (int, float) and number > 0 for number in numbers) or type(kept["epochs"]) is not int:
        raise ValueError(f"{folder.config}: 'budget' is damaged: {kept}")
    return kept
