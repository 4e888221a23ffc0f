"""What `Trainer.fit` does around the steps: log, scores, when to save, Ctrl-C, going back from a collapse."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from latentmim import budgets
from latentmim._warnings import warn
from latentmim.diagnostics import CollapseError
from latentmim.distributed import SHARED
from latentmim.fitting.best import Best
from latentmim.fitting.said import Bar, Pace
from latentmim.fitting.saved import SavedRun
from latentmim.loggers import Sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latentmim.budgets import Budget, Plan
    from latentmim.data import Dataset
    from latentmim.fitting.best import SaveBest
    from latentmim.history import Metrics
    from latentmim.loggers import Logger, RunState
    from latentmim.runs import Resume, RunFolder
    from latentmim.steps import Steps

__all__ = ["Ending", "Fitting"]

Ending: TypeAlias = Literal["finished", "finished before", "interrupted", "rolled back"]


class Fitting:
    """Trains to the end and keeps the folder of the run. Arguments as for `Trainer`."""

    def __init__(
        self,
        trainer: Steps,
        folder: RunFolder | None,
        validation: Dataset | None,
        on_collapse: Literal["stop", "roll_back"],
        log_every: int,
        loggers: Mapping[str, Logger],
        save_best: SaveBest | None = None,
        **every: float | None,
    ) -> None:
        for name, value in (every | {"log_every": log_every}).items():
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name}: is {value}, wanted a finite number above 0")
        if on_collapse not in ("stop", "roll_back"):
            raise ValueError(f"on_collapse: is {on_collapse!r}, wanted 'stop' or 'roll_back'")
        if on_collapse == "roll_back" and folder is None:
            raise ValueError("on_collapse: is 'roll_back', which needs a folder `out` with checkpoints to go back to")
        if save_best is not None and folder is None:
            raise ValueError(f"save_best: is {save_best!r}, which needs a folder `out` to save to")
        if save_best == "nn" and validation is None:
            raise ValueError("save_best: is 'nn', which needs `validation`, a labelled data set")
        if loggers and folder is None:
            raise ValueError("loggers: need a folder `out`, where what they go on with is kept")
        has_labels = validation is not None and validation.labels is not None
        if validation is not None and not has_labels and save_best in (None, "nn"):
            raise ValueError(f"validation: {validation!r} has no labels, which the nearest-neighbour score needs")
        self._best = None if save_best is None else Best(save_best, validation or trainer.dataset)
        self.trainer = trainer
        self.folder = folder
        self.validation = validation if has_labels else None
        self._on_collapse = on_collapse
        self._log_every = log_every
        self._every = every
        self._saved = SavedRun(trainer, folder)
        self._budget: Budget | None = None
        self._sending = Sending(loggers)
        self._is_logged = True

    def run(self, resume: Resume, *, tells_pace: bool = False, plan: Plan | None = None) -> Ending:
        """Begin, or go on, and train to the end or until Ctrl-C.

        Args:
            resume: as for `Trainer.fit`.
            tells_pace: whether the first steps are taken to say how long the run will take.
            plan: of a run that ends by the clock.

        """
        orders: dict[str, Callable[..., Any]] = {
            "step": self._step_as_told, "score": self._score_as_told, "restore": self.trainer.restore,
            "reschedule": self.trainer._reschedule,
        }  # fmt: skip
        ending: Ending = self.trainer._ranks.together(lambda: self._run(resume, tells_pace, plan), orders)
        return ending

    def _step_as_told(self) -> None:
        # Rank 0 has the same, and decides.
        with contextlib.suppress(*SHARED):
            self.trainer.step()

    def _score_as_told(self) -> None:
        # What fails here fails on rank 0, too.
        with contextlib.suppress(Exception):
            self._measured_scores()

    def _run(self, resume: Resume, tells_pace: bool, plan: Plan | None) -> Ending:
        self._budget = None
        self._saved.plan = None if plan is None else plan.to_dict()
        with contextlib.nullcontext() if self.folder is None else self.folder.lock():
            self.begin(resume)
            if plan is not None:
                # Not before: it knows only now what the run has taken.
                plan.begin(self.trainer)
                self._budget = plan.budget
            if self._saved.is_complete:
                where = "the run" if self.folder is None else self.folder.path
                print(f"already finished: {where} has all {self.trainer.state.step:,} steps", file=sys.stderr)
                return "finished before"
            return self._logged(Pace() if tells_pace else None)

    def _begin_loggers(self) -> None:
        if self.folder:
            config = self.folder.settings() or {}
            self._sending.begin(self.folder.path, config, self.trainer.history, self._saved.logged)

    def _logged(self, pace: Pace | None) -> Ending:
        """Train, and let loggers know how it ended."""
        state: RunState = "failed"
        try:
            self._begin_loggers()
            ending = self._steps(pace)
            state = "finished" if ending == "finished" else "stopped"
        finally:
            self._sending.end(state)
        return ending

    @property
    def stopped(self) -> str:
        """What Ctrl-C has left."""
        state = self.trainer.state
        saved = f"; saved in {self.folder.last}, the same call goes on from there" if self.folder else ""
        return f"stopped after step {state.step} of {state.total_steps}{saved}"

    def begin(self, resume: Resume) -> None:
        """Restore what is to be resumed, and prepare the folder."""
        self._saved.begin(resume, self._score_last)
        # The best is saved behind the last: a run may have ended between the two.
        if self._best and self._best.resume(self.trainer.history, self._kept):
            self._keep_best()

    def _score_last(self) -> None:
        """The scores of the step resumed from, where they were due and failed."""
        trainer = self.trainer
        for last in trainer.history[-1:]:
            is_open = any(name not in last for name in self._scores)
            if last["step"] == trainer.state.step and is_open and self._is_scored(last):
                if self._best:
                    self._best.resume(trainer.history[:-1], self._kept)
                self._score(last)

    def _steps(self, pace: Pace | None) -> Ending:
        trainer, ranks = self.trainer, self.trainer._ranks
        with ranks.interrupts() as interrupts, Bar(trainer) as bar:
            is_stopped = False
            try:
                while not (is_stopped := ranks.is_any(interrupts.requested)) and (metrics := self._step()) is not None:
                    self.after_step(metrics)
                    bar.update(metrics)
                    if pace and (text := pace.after_step(trainer.state.total_steps - trainer.state.step)):
                        bar.say(text)
            except FloatingPointError as error:
                # What there is now may be beyond repair: it must not replace what was saved.
                raise FloatingPointError(f"step {trainer.state.step + 1}: {error}; {self._saved.kept}") from None
            except CollapseError as error:
                self._roll_back(error)
                return "rolled back"
            except Exception:
                self._save()
                raise
            self._save()
        if self.folder and trainer.state.step == trainer.state.total_steps:
            trainer.model.encoder.save(self.folder.encoder)
            self._tell_of_no_best()
        return "interrupted" if is_stopped else "finished"

    def _step(self) -> Metrics | None:
        """A step, by which a budget sees how far it will come."""
        start = budgets.now()
        metrics = self.trainer.step()
        if self._budget and metrics is not None:
            self._budget.after_step(self.trainer, budgets.now() - start)
        return metrics

    def _measured(self, what: str) -> contextlib.AbstractContextManager[None]:
        return self._budget.measures(what) if self._budget else contextlib.nullcontext()

    def after_step(self, metrics: Metrics) -> None:
        """Score, log, checkpoint, in this order: what a checkpoint holds is in the log."""
        self._is_logged = False
        is_scored, is_best = self._is_scored(metrics), False
        try:
            if is_scored:
                is_best = self._score(metrics)
        finally:
            is_last = metrics["step"] == self.trainer.state.total_steps
            if self.folder and (is_scored or is_last or metrics["step"] % self._log_every == 0):
                self.folder.log(metrics)
                self._sending.log(metrics)
            self._is_logged = True
        if is_best:
            self._keep_best()
        if self.folder and self._is_due("save", metrics):
            self._save()
        if self.folder and self._every["keep_every"] and self._is_due("keep", metrics):
            self._save()
            self.folder.keep(metrics["epoch"] + 1)

    def _is_scored(self, metrics: Metrics) -> bool:
        return bool(self._scores) and self._is_due("validate", metrics)

    @property
    def _scores(self) -> list[str]:
        """The names of the scores of a step."""
        return [*([] if self.validation is None else ["nn_accuracy"]), *(self._best.names if self._best else [])]

    def _score(self, metrics: Metrics) -> bool:
        """Score the model as it is; whether it is the best so far."""
        self.trainer._ranks.tell("score")
        with self._measured("score"):
            metrics.update(self._measured_scores())
        return self._best is not None and self._best.note(metrics, self.trainer.state.looks_collapsed)

    def _measured_scores(self) -> Metrics:
        """The scores of the model as it is, which ranks measure together."""
        from latentmim.evaluate import nearest_neighbor

        encoder, comm = self.trainer.model.encoder, self.trainer._ranks.comm
        scores: Metrics = {}
        if self.validation is not None:
            scores["nn_accuracy"] = nearest_neighbor(encoder, self.validation, progress=False, comm=comm).accuracy
        if self._best:
            scores |= self._best.measure(encoder, comm)
        return scores

    @property
    def _kept(self) -> int | None:
        """The step of the best state that was kept."""
        return None if self.folder is None else self.folder.best_step

    def _keep_best(self) -> None:
        """Save, and keep what was saved as the best."""
        self._save()
        if self.folder and self._saved.step == self.trainer.state.step:
            self.folder.keep_best()

    def _is_due(self, what: str, metrics: Metrics) -> bool:
        """Whether this step ends the epoch, or part of one, that something is done after."""
        _, total, per_epoch, *_ = self.trainer.state
        every = self._every[f"{what}_every"]
        if every is None:
            return bool(metrics["step"] % per_epoch == 0 and time.monotonic() - self._saved.time > 60)
        period = max(1, round(every * per_epoch))
        return bool(metrics["step"] % period == 0 or metrics["step"] == total)

    def _save(self) -> None:
        """Save, unless the last step is not in the log."""
        if not self._is_logged:
            return
        if self._budget:
            self._budget.hold(self.trainer)
        with self._measured("save"):
            self._saved.save()

    def _tell_of_no_best(self) -> None:
        if self._best and self._best.scores and self._best.value is None:
            problem = f"none of {self._best.scores} states that were scored is kept: images looked alike to all of them"
            warn(f"save_best: {problem}, or they had no such score", RuntimeWarning)

    def _roll_back(self, error: CollapseError) -> None:
        """Go back to the last good state, where there is one and that is wanted; raise otherwise."""
        if self._on_collapse == "stop" or self.folder is None or self._saved.step < 0:
            raise CollapseError(f"{error}; {self._saved.kept}") from None
        self.trainer.restore(self.folder.last)
        warn(f"{error}; back at {self.folder.last}, of step {self._saved.step}", RuntimeWarning)
        self.trainer.model.encoder.save(self.folder.encoder)
