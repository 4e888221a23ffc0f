"""One row with one seed: trained, resumed where it was left, scored by every protocol."""

from __future__ import annotations

import functools
import math
import os
import shutil
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from latentmim import evaluate
from latentmim.encoder import Encoder
from latentmim.loading import load_encoder
from latentmim.reproduce import unlabelled
from latentmim.reproduce.data import subset
from latentmim.reproduce.models import build
from latentmim.reproduce.results import Found
from latentmim.runs import RunFolder, read_metrics
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentmim.reproduce.data import LabelledSet
    from latentmim.reproduce.results import Results
    from latentmim.reproduce.rows import Row
    from latentmim.reproduce.scale import Scale

__all__ = ["POOLINGS", "Runner", "Scoring", "run_folder"]

# Lines of a run's log, but for scores; the mean of the last ones is the state at the end.
LOGGED_STEPS = 400
LAST_LINES = 20
# (pooling, k of the largest values, in 196 patches)
POOLINGS = (("cls", 0), ("mean", 0), ("max", 0), ("topk_mean", 5), ("topk_mean", 10), ("topk_mean", 20),
            ("topk_mean", 50))  # fmt: skip
PAPER_PATCHES = 196


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How rows are scored, the same for all.

    Attributes:
        fine_tune: whether rows are fine-tuned at all.
        fine_tune_images: labelled images of fine-tuning, the same share of each class.
        fine_tune_epochs: passes over them.
        curve_images: held-out images of the scores during training.
        curve_points: scores during training.

    Examples:
        >>> from latentmim.reproduce.running import Scoring
        >>> Scoring(fine_tune=False).curve_points
        20

    """

    fine_tune: bool = True
    fine_tune_images: int = 2000
    fine_tune_epochs: int = 20
    curve_images: int = 1000
    curve_points: int = 20

    def to_dict(self) -> dict[str, Any]:
        """What must not change within a study."""
        values = asdict(self)
        del values["fine_tune"]
        return values


def run_folder(out: str, key: str, seed: int) -> RunFolder:
    """Where the run of a row is."""
    return RunFolder(os.path.join(out, "runs", key, f"seed-{seed}"))


class Runner:
    """Trains and scores rows of one study.

    Args:
        out: the study's folder.
        scale: of all rows.
        data: what they learn from and are scored on.
        results: where numbers go.
        scoring: how they are scored.
        teacher: the encoder that rows with one learn from; they are refused without.
        progress: whether bars are shown.

    """

    def __init__(
        self,
        out: str,
        scale: Scale,
        data: LabelledSet,
        results: Results,
        scoring: Scoring,
        *,
        teacher: Encoder | None = None,
        progress: bool = True,
    ) -> None:
        self.out, self.scale, self.data, self.results, self.scoring = out, scale, data, results, scoring
        self._teacher, self._progress = teacher, progress
        self._curve = subset(data.test, scoring.curve_images)
        self._labelled = subset(data.train, scoring.fine_tune_images)
        self._seen: tuple[Encoder, dict[str, float]] | None = None

    @property
    def measures(self) -> dict[str, Callable[[Encoder, int], float]]:
        """What is measured of every trained encoder: name → score of (encoder, seed)."""
        found: dict[str, Callable[[Encoder, int], float]] = {"nn": self._nearest_neighbor, "linear": self._linear}
        if self.scoring.fine_tune:
            found["fine_tuned"] = self._fine_tune
        return found | {name: functools.partial(self._without_labels, name) for name in unlabelled.MEASURES}

    def is_complete(self, row: Row, seed: int) -> bool:
        """Whether nothing is left to do for a row with a seed."""
        trained = self.results.get(row.key, seed, "training")
        if trained is None or not trained.is_final:
            return False
        return bool(trained.failure) or not any(self._is_open(row, seed, measure) for measure in self.measures)

    def complete(self, row: Row, seed: int) -> None:
        """Do what is left to do for a row with a seed. What goes wrong is recorded with its reason.

        Raises:
            KeyboardInterrupt: Ctrl-C; what was reached is kept, and the next call goes on from there.
            OSError: something cannot be written.

        """
        if self._is_open(row, seed, "training"):
            self._train(row, seed)
        trained = self.results.get(row.key, seed, "training")
        if trained is None or trained.failure:
            return
        encoder = load_encoder(run_folder(self.out, row.key, seed).encoder)
        for measure, score in self.measures.items():
            if self._is_open(row, seed, measure):
                self._measure(row, seed, measure, lambda score=score: score(encoder, seed))  # type: ignore[misc]

    def compare_poolings(self, row: Row, seed: int) -> None:
        """Score a trained row once more with every pooling, by nearest neighbours and the linear probe."""
        trained = self.results.get(row.key, seed, "training")
        if trained is None or trained.failure:
            return
        encoder = load_encoder(run_folder(self.out, row.key, seed).encoder)
        patches = self.scale.grid**2
        for pooling, k in POOLINGS:
            scaled = max(1, round(k * patches / PAPER_PATCHES))
            options: Any = {"poolings": [pooling], "pooling_k": scaled, "progress": False}
            for protocol in ("nn", "linear"):
                measure = pooling_measure(protocol, pooling, k)
                learned = None if protocol == "nn" else self.data.train
                settings = {**options, **({} if protocol == "nn" else {"seed": seed})}
                if self._is_open(row, seed, measure):
                    self._measure(row, seed, measure, lambda p=protocol, t=learned, o=settings: float(  # type: ignore[misc]
                        evaluate.compare_poolings(encoder, t, self.data.test, p, **o)[p]
                    ))  # fmt: skip

    def _is_open(self, row: Row, seed: int, measure: str) -> bool:
        found = self.results.get(row.key, seed, measure)
        return found is None or not found.is_final

    def _measure(self, row: Row, seed: int, measure: str, score: Callable[[], float]) -> None:
        start = time.monotonic()
        try:
            found = Found(score())
        except FloatingPointError as error:
            found = Found(None, f"diverged: {error}")
        except ValueError as error:
            found = Found(None, f"refused: {error}")
        self.results.record(row.key, seed, measure, Found(found.value, found.failure, time.monotonic() - start))

    def _train(self, row: Row, seed: int) -> None:
        def trained() -> float:
            if not row.longer:
                return self._leave(row, seed)
            trainer = self._trainer(row, seed)
            if trainer._fitting.run("auto") == "interrupted":
                raise KeyboardInterrupt(trainer._fitting.stopped)
            self._record_end(row, seed)
            return float(trainer.history[-1]["loss"])

        self._measure(row, seed, "training", trained)
        if not self._is_open(row, seed, "training"):
            # The encoder and the log stay; moments and target are not needed any more.
            shutil.rmtree(run_folder(self.out, row.key, seed).checkpoints, ignore_errors=True)

    def _leave(self, row: Row, seed: int) -> float:
        """Write the encoder as it is; the rest is of a first batch."""
        model = build(row, self.scale, self._teacher, seed=seed)
        run = run_folder(self.out, row.key, seed)
        os.makedirs(run.path, exist_ok=True)
        model.encoder.save(run.encoder)
        options = self.scale.training_options(row, len(self.data.train))
        metrics = next(iter(Trainer(model, self.data.train, seed=seed, progress=False, **options)))
        self.results.record(row.key, seed, "similarity", Found(metrics["similarity_images"]))
        self.results.record(row.key, seed, "rank", Found(metrics["effective_rank"]))
        return float(metrics["loss"])

    def _trainer(self, row: Row, seed: int) -> Trainer:
        model = build(row, self.scale, self._teacher, seed=seed)
        options = self.scale.training_options(row, len(self.data.train))
        steps = options["epochs"] * (len(self.data.train) // options["batch_size"])
        return Trainer(
            model, self.data.train, out=run_folder(self.out, row.key, seed).path, validation=self._curve,
            validate_every=options["epochs"] / (self.scoring.curve_points * row.longer),
            log_every=max(1, steps // LOGGED_STEPS), seed=seed, progress=self._progress, **options,
        )  # fmt: skip

    def _record_end(self, row: Row, seed: int) -> None:
        """What is known when training ends: collapse metrics, and the best and last score during training.

        The log tells, not the trainer's history, which after an interruption has fewer steps.
        """
        log = read_metrics(run_folder(self.out, row.key, seed).metrics)

        def record(name: str, values: list[float]) -> None:
            finite = [value for value in values if math.isfinite(value)]
            if finite:
                self.results.record(row.key, seed, name, Found(sum(finite) / len(finite)))

        record("similarity", [line["similarity_images"] for line in log[-LAST_LINES:]])
        record("rank", [line["effective_rank"] for line in log[-LAST_LINES:]])
        scores = [line["nn_accuracy"] for line in log if "nn_accuracy" in line]
        record("nn_best", [max(scores)])
        record("nn_last", scores[-1:])

    def _nearest_neighbor(self, encoder: Encoder, seed: int) -> float:
        return evaluate.nearest_neighbor(encoder, self.data.test, progress=False).accuracy

    def _linear(self, encoder: Encoder, seed: int) -> float:
        return evaluate.linear_probe(encoder, self.data.train, self.data.test, seed=seed, progress=False).accuracy

    def _without_labels(self, measure: str, encoder: Encoder, seed: int) -> float:
        """One of the scores that are found together."""
        if self._seen is None or self._seen[0] is not encoder:
            found = evaluate.without_labels(
                encoder, self.data.test, images=max(2, len(self.data.test)), layer=encoder.config.depth, progress=False
            )
            self._seen = (encoder, unlabelled.scores(found))
        value = self._seen[1][measure]
        if not math.isfinite(value):
            raise FloatingPointError(f"{measure} is not to be had of so few directions")
        return value

    def _fine_tune(self, encoder: Encoder, seed: int) -> float:
        found = evaluate.fine_tune(
            encoder, self._labelled, self.data.test, preset="small", epochs=self.scoring.fine_tune_epochs, seed=seed,
            progress=self._progress,
        )  # fmt: skip
        return float(found.accuracy)


def pooling_measure(protocol: str, pooling: str, k: int) -> str:
    """The name of a score with a pooling."""
    return f"{protocol} of {pooling}{k or ''}"
