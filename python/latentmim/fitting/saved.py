"""What of a run is on disk, and how it is taken up again."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from latentmim import _latentmim as _native
from latentmim.runs.log import without_nan

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentmim._arrays import PathLike
    from latentmim.runs import Resume, RunFolder
    from latentmim.steps import Steps

__all__ = ["SavedRun"]


class SavedRun:
    """A trainer's checkpoints: where it goes on from, and its last one.

    Attributes:
        step: of the last checkpoint; −1 where there is none.
        time: when it was written, or the run began, by `time.monotonic`.
        logged: the last step in the log of the run that is gone on with, which may be above the checkpoint's.
        plan: what was chosen for a run with a `budget`, for its config.json; None where it has none.

    """

    def __init__(self, trainer: Steps, folder: RunFolder | None) -> None:
        self.trainer = trainer
        self.folder = folder
        self.step = -1
        self.time = 0.0
        self.logged = 0
        self.plan: dict[str, Any] | None = None
        self._owns_folder = False

    def begin(self, resume: Resume, complete: Callable[[], None]) -> None:
        """Restore what is to be resumed, and prepare the folder.

        Args:
            resume: as for `Trainer.fit`.
            complete: adds what the history lacks, before it is written.

        """
        checkpoint = self._checkpoint(resume)
        if checkpoint is not None:
            self._restore(checkpoint, resume)
        if self.folder:
            self._begin_folder(self.folder, checkpoint, complete)
        self.time = time.monotonic()

    def _checkpoint(self, resume: Resume) -> PathLike | None:
        """The checkpoint to go on from."""
        if not isinstance(resume, bool | str) or (isinstance(resume, str) and resume != "auto"):
            return resume
        found = self.folder.last if self.folder and os.path.exists(self.folder.last) else None
        if resume is True and found is None:
            where = self.folder.last if self.folder else "no `out` folder"
            raise FileNotFoundError(f"there is nothing to resume: {where}")
        return found if resume is True or (resume == "auto" and self.trainer.state.step == 0) else None

    def _restore(self, checkpoint: PathLike, resume: Resume) -> None:
        try:
            self.trainer.restore(checkpoint)
        except ValueError as error:
            if resume != "auto":
                raise
            raise ValueError(f"{error}; wanted another `out`, or resume=False to set that run aside") from None

    def _begin_folder(self, folder: RunFolder, checkpoint: PathLike | None, complete: Callable[[], None]) -> None:
        trainer = self.trainer
        if checkpoint is not None and folder.holds(checkpoint):
            folder.undo_best(trainer.state.step)
            lines = folder.history()
            self.logged = lines[-1]["step"] if lines else 0
            trainer.history = trainer.history.of_lines(line for line in lines if line["step"] <= trainer.state.step)
            self.plan = self.plan or (folder.settings() or {}).get("budget")
            complete()
        elif not self._owns_folder:
            folder.set_aside()
        folder.begin(self._settings(), trainer.history)
        self._owns_folder = True
        if checkpoint == folder.last:
            self.step = trainer.state.step
        elif checkpoint is not None:
            self.save()

    def _settings(self) -> dict[str, Any]:
        """What config.json holds."""
        trainer, model = self.trainer, self.trainer.model
        return {
            "model": model.config.to_dict(),
            "training": trainer.config.to_dict(),
            "data": {"source": repr(trainer.dataset), **json.loads(_native.trainer_data(trainer._handle))},
            "chance_loss": without_nan(model.chance_loss),
            "floor_loss": without_nan(model.floor_loss),
            **({} if self.plan is None else {"budget": self.plan}),
        }

    @property
    def is_complete(self) -> bool:
        """Whether all that the trainer has is written, and there is nothing left to do."""
        state = self.trainer.state
        is_written = self.folder is None or (self.step == state.step and os.path.exists(self.folder.encoder))
        return is_written and state.step == state.total_steps

    def save(self) -> None:
        """Bring the last checkpoint up to date, unless what there is looks collapsed."""
        state = self.trainer.state
        if not self.folder or state.looks_collapsed or self.step == state.step:
            return
        self.folder.flush_log()
        self.trainer.save(self.folder.last)
        self.step = state.step
        self.time = time.monotonic()

    @property
    def kept(self) -> str:
        """What is left of a run that ends in an error."""
        if self.folder and self.step >= 0:
            return f"the last checkpoint, of step {self.step}, is {self.folder.last}"
        return "no checkpoint was written before it"
