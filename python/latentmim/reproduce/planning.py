"""From hours to a scale: a few steps are timed, and the largest encoder that can be trained long enough is taken."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latentmim import evaluate
from latentmim.reproduce.data import subset
from latentmim.reproduce.models import build
from latentmim.reproduce.scale import LADDER, Scale, Size
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.encoder import Encoder
    from latentmim.reproduce.data import LabelledSet
    from latentmim.reproduce.rows import Row
    from latentmim.reproduce.running import Scoring

__all__ = ["Plan", "Request", "plan"]

# With so many seeds if they fit, else with as many.
SEEDS = (3, 1)
# What is not planned for: reading, drawing, a machine that has other things to do.
RESERVE = 0.1
TIMED_STEPS, WARM_STEPS = 7, 3
TIMED_IMAGES = 128
# Forward and backward take about three times what forward alone takes.
TRAINING_RATIO = 3
# Crops of each image that are looked at without labels.
VIEWS = 10


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user wants of the scale; None: to be chosen.

    Attributes:
        hours: for all rows, seeds and scores.
        size: the encoder's name in the ladder.
        epochs: passes over the data.
        patch_size: P; 4 for images below 48 pixels, else 8, if not given.
        batch_size: images of a step.
        base_learning_rate: of all rows.
        preset: of rows that name none.
        teacher: the encoder that rows with one learn from; they are refused without.

    """

    hours: float = 1.0
    size: str | None = None
    epochs: int | None = None
    patch_size: int | None = None
    batch_size: int = 128
    base_learning_rate: float = 2e-3
    preset: str = "official"
    teacher: Encoder | None = None

    def scale(self, size: Size, data: LabelledSet, epochs: int = 1) -> Scale:
        """The scale of one size."""
        return Scale(
            size=size.name, width=size.width, depth=size.depth, heads=size.heads,
            patch_size=self.patch_size or (4 if data.side < 48 else 8), channels=data.train.channels,
            epochs=self.epochs or epochs, batch_size=self.batch_size, base_learning_rate=self.base_learning_rate,
            preset=self.preset,
        )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A scale, and what it will take.

    Attributes:
        scale: of all rows.
        seeds: how many fit.
        seconds: of one seed, by the row's key: training and scores. Rows that are refused are left out.

    """

    scale: Scale
    seeds: int
    seconds: dict[str, float]

    def describe(self) -> str:
        """The prediction in words, a line for each row."""
        lines = [f"  {key}: {_duration(seconds)}" for key, seconds in self.seconds.items()]
        total = _duration(sum(self.seconds.values()))
        return "\n".join([f"predicted for one seed: {total}; seeds that fit: {self.seeds}", *lines])


def plan(rows: Sequence[Row], data: LabelledSet, request: Request, scoring: Scoring) -> Plan:
    """The largest encoder of the ladder that, within the hours, sees the images it needs with three seeds; else with
    one; else the smallest, with one seed, for as long as there is.

    Raises:
        ValueError: less data than a batch, hours that are no positive number or too few for an epoch, every row is
            refused.

    """
    if not 0 < request.hours < float("inf"):
        raise ValueError(f"hours: is {request.hours}, wanted a number above 0")
    if len(data.train) < request.batch_size:
        raise ValueError(f"batch_size: is {request.batch_size}, more than the {len(data.train)} training images")
    sizes = [size for size in LADDER if request.size in (None, size.name)]
    if not sizes:
        raise ValueError(f"size: is '{request.size}', wanted {', '.join(size.name for size in LADDER)}")
    clock = _Clock(rows, data, request, scoring)
    if request.epochs is not None:
        return clock.plan(sizes[0], request.epochs)
    best: Plan | None = None
    for seeds in SEEDS:
        for size in sizes:
            epochs = clock.epochs(size, seeds)
            if epochs * len(data.train) < size.images:
                break
            best = clock.plan(size, epochs)
        if best is not None:
            return best
    epochs = clock.epochs(sizes[0], 1)
    if epochs < 1:
        least = clock.least_hours(sizes[0])
        raise ValueError(
            f"hours: is {request.hours:g}, but an epoch of all rows with the '{sizes[0].name}' encoder, scored, takes "
            f"{least:.2g}; wanted so many, or fewer --images or --rows, or --no-fine-tune"
        )
    return clock.plan(sizes[0], epochs)


class _Clock:
    """What a row costs: measured for all at the first size asked for, and in proportion to the dearest at others."""

    def __init__(self, rows: Sequence[Row], data: LabelledSet, request: Request, scoring: Scoring) -> None:
        self.rows = {row.key: row for row in rows}
        self.data, self.request, self.scoring = data, request, scoring
        self._first: dict[str, float] = {}
        self._measured: dict[str, tuple[dict[str, float], float]] = {}

    def plan(self, size: Size, epochs: int) -> Plan:
        rates, feature = self._rates(size)
        images = epochs * len(self.data.train)
        seconds = {
            key: images * rate * self.rows[key].longer + self._scores(key, feature) for key, rate in rates.items()
        }
        fitting = (count for count in SEEDS if count * sum(seconds.values()) <= 3600 * self.request.hours)
        return Plan(self.request.scale(size, self.data, epochs), next(fitting, 1), seconds)

    def epochs(self, size: Size, seeds: int) -> int:
        """How many fit with so many seeds."""
        fixed, epoch = self._costs(size)
        return max(0, int((3600 * self.request.hours * (1 - RESERVE) / seeds - fixed) / epoch))

    def least_hours(self, size: Size) -> float:
        """For an epoch with one seed."""
        return sum(self._costs(size)) / (1 - RESERVE) / 3600

    def _costs(self, size: Size) -> tuple[float, float]:
        """Seconds of all rows' scores, and of an epoch of all rows."""
        rates, feature = self._rates(size)
        fixed = sum(self._scores(key, feature) for key in rates)
        return fixed, len(self.data.train) * sum(rate * self.rows[key].longer for key, rate in rates.items())

    def _scores(self, key: str, feature: float) -> float:
        """Seconds of all scores of a row, given those of one image's features."""
        scoring, train, test = self.scoring, len(self.data.train), len(self.data.test)
        curve = scoring.curve_points * self.rows[key].longer * min(scoring.curve_images, test)
        tuned = 0
        if scoring.fine_tune:
            tuned = TRAINING_RATIO * scoring.fine_tune_epochs * min(scoring.fine_tune_images, train) + test
        # Without labels: as they are, and VIEWS crops of each.
        return feature * (curve + (3 + VIEWS) * test + train + tuned)

    def _rates(self, size: Size) -> tuple[dict[str, float], float]:
        """Seconds an image of training, by row, and of features."""
        if size.name not in self._measured:
            scale = self.request.scale(size, self.data)
            if not self._first:
                timed = {
                    key: _training_rate(scale, row, self.data, self.request.teacher) for key, row in self.rows.items()
                }
                self._first = {key: rate for key, rate in timed.items() if rate is not None}
                if not self._first:
                    raise ValueError("every row is refused at this scale; `--epochs` runs them and reports the reasons")
                rates = self._first
            else:
                dearest = max(self._first, key=self._first.__getitem__)
                again = _training_rate(scale, self.rows[dearest], self.data, self.request.teacher)
                rate = again or self._first[dearest]
                rates = {key: one * rate / self._first[dearest] for key, one in self._first.items()}
            first = self.rows[next(iter(rates))]
            self._measured[size.name] = rates, _feature_rate(scale, first, self.data, self.request.teacher)
        return self._measured[size.name]


def _training_rate(scale: Scale, row: Row, data: LabelledSet, teacher: Encoder | None) -> float | None:
    """Seconds an image: the median of a few steps, warmed up; None where the row is refused."""
    try:
        model = build(row, scale, teacher)
        options = scale.training_options(row, len(data.train)) | {"epochs": TIMED_STEPS}
        trainer = Trainer(model, data.train, progress=False, **options)
        speeds = [metrics["images_per_second"] for metrics, _ in zip(trainer, range(TIMED_STEPS), strict=False)]
    except (ValueError, FloatingPointError):
        return None  # told with its reason when its turn comes
    return 1 / float(statistics.median(speeds[min(WARM_STEPS, len(speeds) - 1) :]))


def _feature_rate(scale: Scale, row: Row, data: LabelledSet, teacher: Encoder | None) -> float:
    encoder = build(row, scale, teacher).encoder
    images = subset(data.test, TIMED_IMAGES)
    start = time.monotonic()
    evaluate.features(encoder, images, progress=False)
    return (time.monotonic() - start) / len(images)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
