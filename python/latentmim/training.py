"""Training: step by step, or from beginning to end with a progress bar, a log, checkpoints and resuming."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Unpack

from latentmim import _arrays, _pickling
from latentmim import _latentmim as _native
from latentmim.config import TrainingConfig, TrainingOptions
from latentmim.data import Dataset, as_dataset
from latentmim.distributed import SHARED, Ranks, Wire
from latentmim.fitting import Fitting
from latentmim.history import History, Metrics
from latentmim.loggers import make_loggers
from latentmim.model import LatentMIM
from latentmim.names import refuse_unknown
from latentmim.runs import Resume, RunFolder
from latentmim.steps import TrainerState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike

    from latentmim._arrays import PathLike
    from latentmim.fitting import SaveBest
    from latentmim.loggers import Logger

__all__ = ["MemoryEstimate", "Metrics", "Trainer", "TrainerState"]


class MemoryEstimate(NamedTuple):
    """Bytes that a training step takes at its fullest: weights, the optimiser's moments, what a step takes besides
    (activations, gradients, working memory), batches loaded ahead, and all together. What the process holds besides,
    Python and libraries, is some 60 MB more.

    Examples:
        >>> estimate = lm.Trainer(model, photos, epochs=1, batch_size=14).memory_estimate()
        >>> estimate.total == estimate.weights + estimate.moments + estimate.step + estimate.loader
        True

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
        data: a data set, the path of a folder of image files, or an array of images. A run knows its images, by number,
            file names, and the content of some: it is not resumed on others.
        epochs: passes over the data; the schedules span them. A run that is resumed with more is extended: it goes on
            where it stands in the schedules of the longer one.
        batch_size: images of one step. Half-filled last batches are left out.
        out: the folder of the run, made if need be: config.json, metrics.jsonl, checkpoints/, encoder.safetensors.
            Without it nothing is written. While `fit` runs, no other run can write there.
        save_every: epochs between checkpoints; by default at the end of an epoch, at most once a minute. One is always
            written at the end and on Ctrl-C.
        keep_every: epochs between checkpoints that are kept beside the last one; none by default.
        log_every: steps between lines of metrics.jsonl; steps with a nearest-neighbour score and the last one are
            always there.
        validation: a labelled data set for the nearest-neighbour score; it needs no labels for what `save_best` takes
            without them.
        validate_every: epochs between scores.
        save_best: a score, measured every `validate_every` epochs, by which the best state is kept in
            checkpoints/best.safetensors, beside the last: "nn", or without labels "rankme", "lidar" or "alpha" (the
            nearest to 1), of `validation` or, without it, of the training images (1000 at most; see
            `evaluate.without_labels`). A rank is judged with its similarity: states whose images look alike (a mean
            cosine above 0.98) are never the best, nor are those that cross `collapse_similarity` or `collapse_rank`.
            No rank replaces labels where there are some: docs/recipes.md. The log remembers the best so far (`best_…`),
            so that a run that is resumed goes on with it.
        on_collapse: what `fit` does when `collapse_similarity` or `collapse_rank` is crossed: "stop" raises and leaves
            the weights as they are; "roll_back" goes back to the last checkpoint of before, warns and returns; it needs
            `out`. Nothing is saved while a threshold is crossed, so the last checkpoint is always a good one.
        loggers: where else the lines of metrics.jsonl go: names of "tensorboard", "wandb", "mlflow" and "trackio", or
            objects with the methods of `latentmim.loggers.Logger`; they need `out`. One that fails while training
            costs a warning, not the run.
        progress: whether a progress bar is shown.
        comm: of mpi4py, whose ranks train together, each on its share of every batch; all make the same trainer and
            call the same methods. `batch_size` is that of all ranks, and numbers are those of one process, but for the
            rounding of sums. Rank 0 alone writes. What a rank raises in a step ends all of them: see
            docs/scaling.md.
        wire: what gradients are sent as: "bf16" halves the bytes and rounds to eight bits.
        options: anything else, by name: `TrainingConfig` lists and explains them.

    Raises:
        ValueError: an unknown option, one out of its range, less data than one batch, images of other channels, an
            unknown logger, a batch that does not divide among ranks.
        ImportError: a logger's package is not installed.

    Attributes:
        history: a list of one dict a step: loss, similarities, effective rank, learning rate, … as in metrics.jsonl.
            It shows as a summary.

    Examples:
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

        >>> trainer = lm.Trainer(model, images, epochs=2, batch_size=16, precision="float32")
        >>> trainer.config.base_learning_rate, trainer.precision, trainer.state.total_steps
        (0.00015, 'float32', 4)

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
        save_best: SaveBest | None = None,
        on_collapse: Literal["stop", "roll_back"] = "stop",
        loggers: str | Sequence[str | Logger] = (),
        progress: bool = True,
        comm: Any = None,
        wire: Wire = "float32",
        **options: Unpack[TrainingOptions],
    ) -> None:
        refuse_unknown("Trainer", options, TrainingOptions.__annotations__)
        self.model = model
        self._ranks = Ranks(comm)
        with self._ranks.agreeing():
            self._config = TrainingConfig.resolve(epochs=epochs, batch_size=batch_size, **options)
            self.dataset = as_dataset(data, model.config.channels)
            self.progress = progress
            self._run = None if out is None else RunFolder(out)
            scored = None if validation is None else as_dataset(validation, model.config.channels)
            self._fitting = Fitting(
                self, self._run, scored, on_collapse, log_every, make_loggers(loggers), save_best,
                save_every=save_every, keep_every=keep_every, validate_every=validate_every,
            )  # fmt: skip
            self._handle = _native.trainer_create(model._handle, self.dataset._handle, self._config.to_json())
            self._ranks.join(self._handle, wire)
        self._ranks.share_processors()
        self.history = History(
            total=self.state.total_steps, chance=model.chance_loss, folder=None if self._run is None else self._run.path
        )

    @property
    def config(self) -> TrainingConfig:
        """All options with their values. `precision` is what the run computes with: "auto" is resolved when a run
        begins, and a resumed run keeps what it began with.
        """
        return replace(self._config, precision=self.precision)

    @property
    def state(self) -> TrainerState:
        """Where the run is."""
        return TrainerState(*_native.trainer_progress(self._handle))

    @property
    def precision(self) -> Literal["float32", "bf16", "int8"]:
        """What operands of products are rounded to."""
        return _native.trainer_precision(self._handle)

    def memory_estimate(self) -> MemoryEstimate:
        """How much memory a step will take, known before the first one. Gradients collected are forgotten.

        Examples:
            >>> lm.Trainer(model, photos, epochs=1, batch_size=14).memory_estimate().total < 100e6
            True

        """
        return MemoryEstimate(*_native.trainer_memory_estimate(self._handle))

    def step(self) -> Metrics | None:
        """One optimiser step, added to `history`; None, and nothing done, when the run is over.

        Raises:
            FloatingPointError: the loss is not finite; the weights are those of the step before.
            MemoryError: before the first step, where it would not fit in what the machine, the container or `ulimit -v`
                leaves: with the sizes, and which options would help.

        Examples:
            >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14)
            >>> sorted(trainer.step())[:3]
            ['effective_rank', 'epoch', 'gamma']

        """
        self._ranks.tell("step")
        with self._ranks.aborting(*SHARED):
            metrics = _native.trainer_step(self._handle)
        if metrics is not None:
            self.history.append(metrics)
        return metrics

    def _reschedule(self, progress: float, total_steps: int, seconds: float) -> None:
        """Let the run end after so many steps, its schedules at `progress` now; see `Budget`."""
        self._ranks.tell("reschedule", progress, total_steps, seconds)
        _native.trainer_reschedule(self._handle, progress, total_steps, seconds)
        self.history.total = total_steps

    def __iter__(self) -> Iterator[Metrics]:
        """Steps until the run is over, written nowhere: for loops of one's own."""
        while (metrics := self.step()) is not None:
            yield metrics

    def save(self, path: PathLike) -> None:
        """Write everything needed to go on exactly: complete or not at all. Of several ranks, rank 0 alone writes.

        Raises:
            OSError: it cannot be written.
            ValueError: the name has the ending of another format, such as ".pth".

        Examples:
            >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14)
            >>> _ = trainer.step()
            >>> trainer.save("state.safetensors")

        """
        if self._ranks.is_root:
            _native.trainer_save(self._handle, _arrays.path(path))

    def restore(self, path: PathLike) -> None:
        """Go back to a saved state, weights included.

        Where this trainer has more `epochs` than were saved, the run goes on as one of so many; how is said on stderr.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or of a run with other options (which are named), on other images, or with a
                precision that this machine does not have.

        Examples:
            >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14)
            >>> _ = trainer.step()
            >>> trainer.save("state.safetensors")
            >>> trainer.restore("state.safetensors")
            >>> trainer.state.step
            1

        """
        remarks = _native.trainer_restore(self._handle, _arrays.path(path))
        self._ranks.tell("restore", _arrays.path(path))
        if remarks is not None and self._ranks.is_root:
            print(remarks, file=sys.stderr)
        self.history = self.history.until(self.state.step)

    def fit(self, resume: Resume = "auto") -> History:
        """Train to the end, or until Ctrl-C: that ends the step, saves, says so and returns as usual (`state` tells how
        far it came); a second one raises KeyboardInterrupt at once. A SIGINT that is ignored (`nohup`, `&`) stays so.

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
            ValueError: the run to resume has other options (which are named) or other images.
            BlockingIOError: another run writes to `out`.

        Examples:
            >>> trainer = lm.Trainer(model, photos, epochs=1, batch_size=14, out="runs/parts", progress=False)
            >>> history = trainer.fit()
            >>> len(history), trainer.state.step
            (2, 2)

        """
        if self._fitting.run(resume) == "interrupted" and self._ranks.is_root:
            print(self._fitting.stopped, file=sys.stderr)
        return self.history

    def __getstate__(self) -> None:
        _pickling.refuse_pickling(
            "Trainer",
            "pickle `trainer.model`; to go on elsewhere, `save(path)` here and `restore(path)` there, or give both "
            "trainers the same `out`",
        )

    def __repr__(self) -> str:
        state = self.state
        return (
            f"Trainer({self.dataset!r}: step {state.step} of {state.total_steps}, batches of {self.config.batch_size})"
        )
