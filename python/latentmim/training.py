"""Training: step by step, or from beginning to end with a progress bar, a log, checkpoints and resuming."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, Unpack

from latentmim import _latentmim as _native
from latentmim.config import TrainingConfig, TrainingOptions
from latentmim.data import Dataset, as_dataset
from latentmim.diagnostics import CollapseError
from latentmim.interrupts import Interrupts
from latentmim.model import LatentMIM
from latentmim.runs import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike

__all__ = ["MemoryEstimate", "Metrics", "Trainer", "TrainerState"]

Metrics: TypeAlias = dict[str, Any]


class TrainerState(NamedTuple):
    """Where a run is: steps done, steps of the whole run and of an epoch, the largest learning rate, and whether the
    last step crossed `collapse_similarity` or `collapse_rank`.
    """

    step: int
    total_steps: int
    steps_per_epoch: int
    peak_learning_rate: float
    looks_collapsed: bool


class MemoryEstimate(NamedTuple):
    """Bytes that a training step takes at its fullest: weights, the optimiser's moments, what a step takes besides
    (activations, gradients, working memory), batches loaded ahead, and all together. What the process holds besides,
    Python and libraries, is some 60 MB more.
    """

    weights: int
    moments: int
    step: int
    loader: int
    total: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {value / 2**20:,.0f} MiB" for name, value in self._asdict().items())


class Trainer:
    """Trains a model on images.

    Args:
        model: whose weights are moved.
        data: a data set, the path of a folder of JPEG files, or an array of images. It must not change between stopping
            and resuming: a checkpoint knows the number of images and is refused for another.
        epochs: passes over the data; the schedules span them.
        batch_size: images of one step. Half-filled last batches are left out.
        out: the folder of the run, made if need be: config.json, metrics.jsonl, checkpoints/, encoder.safetensors.
            Without it nothing is written.
        save_every: epochs between checkpoints; by default at the end of an epoch, at most once a minute. One is always
            written at the end and on Ctrl-C.
        keep_every: epochs between checkpoints that are kept beside the last one; none by default.
        log_every: steps between lines of metrics.jsonl; steps with a nearest-neighbour score and the last one are
            always there.
        validation: a labelled data set for the nearest-neighbour score.
        validate_every: epochs between scores.
        on_collapse: what `fit` does when `collapse_similarity` or `collapse_rank` is crossed: "stop" raises and leaves
            the weights as they are; "roll_back" goes back to the last checkpoint of before, warns and returns; it needs
            `out`. Nothing is saved while a threshold is crossed, so the last checkpoint is always a good one.
        progress: whether a progress bar is shown.
        options: anything else, by name: `TrainingConfig` lists and explains them.

    Raises:
        ValueError: an unknown option, one out of its range, less data than one batch, images of other channels.

    Attributes:
        history: one dict a step: loss, similarities, effective rank, learning rate, … as in metrics.jsonl.

    Example:
        >>> import latentmim as lm
        >>> import numpy as np
        >>> model = lm.LatentMIM(width=48, depth=2, heads=3, grid=4, patch_size=8, patch_gap=2, num_visible=4,
        ...                      decoder_width=32, decoder_heads=4, projector_width=64)
        >>> images = np.random.default_rng(0).random((32, 40, 40, 3), np.float32)
        >>> for metrics in lm.Trainer(model, images, epochs=2, batch_size=16):
        ...     print(metrics["step"], metrics["loss"] < 2 * model.chance_loss)
        1 True
        2 True
        3 True
        4 True

    """

    def __init__(
        self,
        model: LatentMIM,
        data: Dataset | PathLike | ArrayLike,
        *,
        epochs: int,
        batch_size: int,
        out: PathLike | None = None,
        save_every: float | None = None,
        keep_every: float | None = None,
        log_every: int = 1,
        validation: Dataset | PathLike | None = None,
        validate_every: float = 1,
        on_collapse: Literal["stop", "roll_back"] = "stop",
        progress: bool = True,
        **options: Unpack[TrainingOptions],
    ) -> None:
        _positive(save_every=save_every, keep_every=keep_every, log_every=log_every, validate_every=validate_every)
        if on_collapse not in ("stop", "roll_back"):
            raise ValueError(f"on_collapse: is {on_collapse!r}, wanted 'stop' or 'roll_back'")
        if on_collapse == "roll_back" and out is None:
            raise ValueError("on_collapse: is 'roll_back', which needs a folder `out` with checkpoints to go back to")
        self._on_collapse = on_collapse
        self.model = model
        self.dataset = as_dataset(data)
        self.config = TrainingConfig.resolve(epochs=epochs, batch_size=batch_size, **options)
        self.history: list[Metrics] = []
        self.progress = progress
        self._validation = None if validation is None else as_dataset(validation)
        if self._validation is not None and self._validation.labels is None:
            raise ValueError(f"validation: {self._validation!r} has no labels, which the nearest-neighbour score needs")
        self._run = None if out is None else RunFolder(out)
        self._owns_run = False
        self._saved_step = -1
        self._every = {"save": save_every, "keep": keep_every, "validate": validate_every}
        self._log_every = log_every
        self._handle = _native.trainer_create(model._handle, self.dataset._handle, self.config.to_json())

    @property
    def state(self) -> TrainerState:
        """Where the run is."""
        return TrainerState(*_native.trainer_progress(self._handle))

    @property
    def precision(self) -> Literal["float32", "bf16"]:
        """What operands of products are rounded to: what the option "auto" stands for on this machine."""
        return _native.trainer_precision(self._handle)

    def memory_estimate(self) -> MemoryEstimate:
        """How much memory a step will take, known before the first one. Gradients collected are forgotten."""
        return MemoryEstimate(*_native.trainer_memory_estimate(self._handle))

    def step(self) -> Metrics | None:
        """One optimiser step, added to `history`; None, and nothing done, when the run is over.

        Raises:
            FloatingPointError: the loss is not finite; the weights are those of the step before.
            MemoryError: before the first step, where it would not fit in what the machine, the container or `ulimit -v`
                leaves: with the sizes, and which options would help.

        """
        metrics = _native.trainer_step(self._handle)
        if metrics is not None:
            self.history.append(metrics)
        return metrics

    def __iter__(self) -> Iterator[Metrics]:
        """Steps until the run is over, written nowhere: for loops of one's own."""
        while (metrics := self.step()) is not None:
            yield metrics

    def save(self, path: PathLike) -> None:
        """Write everything needed to go on exactly: complete or not at all. Raises OSError."""
        _native.trainer_save(self._handle, path)

    def restore(self, path: PathLike) -> None:
        """Go back to a saved state, weights included.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or of a run with other options (which are named) or another number of images.

        """
        _native.trainer_restore(self._handle, path)
        self.history = [line for line in self.history if line["step"] <= self.state.step]

    def fit(self, resume: Literal["auto"] | bool | PathLike = "auto") -> list[Metrics]:
        """Train to the end, or until Ctrl-C: that ends the step, saves and returns; a second one raises at once.

        Args:
            resume: "auto" goes on with the run in the `out` folder where there is one; True insists on it; False loads
                no checkpoint; a path goes on from that checkpoint. A trainer that has made steps goes on from where it
                is, with "auto" and False alike. An earlier run in the folder that is not gone on with is moved to
                `previous-1` (`-2`, …) inside it.

        Returns:
            `history`.

        Raises:
            FloatingPointError: the loss is not finite. The message names the last checkpoint, which is kept.
            CollapseError: training has collapsed, where the options watch for it. The message names that, too.
            FileNotFoundError: there is nothing to resume.
            ValueError: the run to resume has other options (which are named) or another number of images.

        """
        self._begin(resume)
        with Interrupts() as interrupts, _Bar(self) as bar:
            try:
                while not interrupts.requested and (metrics := self.step()) is not None:
                    self._after_step(metrics)
                    bar.update(metrics)
            except FloatingPointError as error:
                # What there is now may be beyond repair: it must not replace what was saved.
                raise FloatingPointError(f"step {self.state.step + 1}: {error}; {self._kept}") from None
            except CollapseError as error:
                return self._collapsed(error)
            except Exception:
                self._save()
                raise
            self._save()
        if interrupts.requested:
            self._say_interrupted()
        elif self._run:
            self.model.encoder.save(self._run.encoder)
        return self.history

    def _begin(self, resume: Literal["auto"] | bool | PathLike) -> None:
        checkpoint = self._checkpoint(resume)
        if checkpoint is not None:
            self.restore(checkpoint)
        if self._run:
            if checkpoint is not None and self._run.holds(checkpoint):
                self.history = self._run.history(until=self.state.step)
            elif not self._owns_run:
                self._run.set_aside()
            self._run.begin(self.model, self.config, self.history)
            self._owns_run = True
            if checkpoint == self._run.last:
                self._saved_step = self.state.step
            elif checkpoint is not None:
                self._save()
        self._saved_time = time.monotonic()

    def _checkpoint(self, resume: Literal["auto"] | bool | PathLike) -> PathLike | None:
        """The checkpoint to go on from."""
        if not isinstance(resume, bool | str) or (isinstance(resume, str) and resume != "auto"):
            return resume
        found = self._run.last if self._run and os.path.exists(self._run.last) else None
        if resume is True and found is None:
            where = self._run.last if self._run else "no `out` folder"
            raise FileNotFoundError(f"there is nothing to resume: {where}")
        return found if resume is True or (resume == "auto" and self.state.step == 0) else None

    def _after_step(self, metrics: Metrics) -> None:
        if self._validation is not None and self._is_due("validate", metrics):
            from latentmim.evaluate import nearest_neighbor

            metrics["nn_accuracy"] = nearest_neighbor(self.model.encoder, self._validation, progress=False).accuracy
        if self._run and self._is_logged(metrics):
            self._run.log(metrics)
        if self._run and self._is_due("save", metrics):
            self._save()
        if self._run and self._every["keep"] and self._is_due("keep", metrics):
            self._save()
            self._run.keep(metrics["epoch"] + 1)

    def _is_logged(self, metrics: Metrics) -> bool:
        step = metrics["step"]
        return step % self._log_every == 0 or "nn_accuracy" in metrics or step == self.state.total_steps

    def _is_due(self, what: str, metrics: Metrics) -> bool:
        """Whether this step ends the epoch, or part of one, that something is done after."""
        _, total, per_epoch, *_ = self.state
        every = self._every[what]
        if every is None:
            return metrics["step"] % per_epoch == 0 and time.monotonic() - self._saved_time > 60
        period = max(1, round(every * per_epoch))
        return bool(metrics["step"] % period == 0 or metrics["step"] == total)

    def _save(self) -> None:
        """Bring the last checkpoint up to date, unless what there is looks collapsed."""
        if self._run and self._saved_step != self.state.step and not self.state.looks_collapsed:
            self.save(self._run.last)
            self._saved_step = self.state.step
            self._saved_time = time.monotonic()

    @property
    def _kept(self) -> str:
        """What is left of the run."""
        if self._run and self._saved_step >= 0:
            return f"the last checkpoint, of step {self._saved_step}, is {self._run.last}"
        return "no checkpoint was written before it"

    def _collapsed(self, error: CollapseError) -> list[Metrics]:
        """Go back to the last good state, where there is one and that is wanted; raise otherwise."""
        if self._on_collapse == "stop" or self._run is None or self._saved_step < 0:
            raise CollapseError(f"{error}; {self._kept}") from None
        self.restore(self._run.last)
        warnings.warn(f"{error}; back at {self._run.last}, of step {self._saved_step}", RuntimeWarning, stacklevel=3)
        self.model.encoder.save(self._run.encoder)
        return self.history

    def _say_interrupted(self) -> None:
        state = self.state
        saved = f"; saved in {self._run.last}, fit() goes on from there" if self._run else ""
        print(f"stopped after step {state.step} of {state.total_steps}{saved}", file=sys.stderr)

    def __repr__(self) -> str:
        state = self.state
        return (
            f"Trainer({self.dataset!r}: step {state.step} of {state.total_steps}, batches of {self.config.batch_size})"
        )


class _Bar:
    """The progress bar: loss beside its chance level, similarity between images, speed."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar: Any = None
        if trainer.progress:
            from tqdm.auto import tqdm

            state = trainer.state
            # In a log file a line now and then is enough.
            pause = 0.2 if sys.stderr.isatty() or "ipykernel" in sys.modules else 10
            self.bar = tqdm(
                total=state.total_steps,
                initial=state.step,
                desc="training",
                unit="step",
                mininterval=pause,
                smoothing=0.1,
            )
            chance = trainer.model.chance_loss
            self.level = "" if math.isnan(chance) else f" (chance {chance:.3f})"

    def update(self, metrics: Metrics) -> None:
        if self.bar is None:
            return
        parts = [
            f"loss {metrics['loss']:.3f}{self.level}",
            f"similarity {metrics['similarity_images']:.2f}",
            f"{metrics['images_per_second']:.0f} images/s",
        ]
        if "nn_accuracy" in metrics:
            self.bar.write(f"epoch {metrics['epoch'] + 1}: nearest neighbour {metrics['nn_accuracy']:.1%}")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name}: is {value}, wanted a finite number above 0")
