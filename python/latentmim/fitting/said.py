"""What a run says while it goes on: the bar, and how long it will take."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from latentmim import progress

if TYPE_CHECKING:
    from latentmim.history import Metrics
    from latentmim.steps import Steps

__all__ = ["Bar", "Pace"]


class Bar:
    """The progress bar: loss beside its chance level, similarity between images, speed."""

    def __init__(self, trainer: Steps) -> None:
        self.bar: Any = None
        self._trainer = trainer
        if trainer.progress:
            state = trainer.state
            self.bar = progress.bar(state.total_steps, "training", "step", initial=state.step, smoothing=0.1)
            chance = trainer.model.chance_loss
            self.level = "" if math.isnan(chance) else f" (chance {chance:.3f})"

    def update(self, metrics: Metrics) -> None:
        """Show a step."""
        if self.bar is None:
            return
        self.bar.total = self._trainer.state.total_steps
        parts = [
            f"loss {metrics['loss']:.3f}{self.level}",
            f"similarity {metrics['similarity_images']:.2f}",
            f"{metrics['images_per_second']:.0f} images/s",
        ]
        if "nn_accuracy" in metrics:
            self.bar.write(f"epoch {metrics['epoch'] + 1}: nearest neighbour {metrics['nn_accuracy']:.1%}")
        for name in ("rankme", "lidar", "alpha"):
            if name in metrics:
                similarity = f"similarity {metrics['features_similarity']:.3f}"
                self.bar.write(f"epoch {metrics['epoch'] + 1}: {name} {metrics[name]:.4g} at {similarity}")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update()

    def say(self, text: str) -> None:
        """A line on the standard error, beside the bar."""
        if self.bar is None:
            print(text, file=sys.stderr)
        else:
            self.bar.write(text, file=sys.stderr)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


class Pace:
    """How long a run will take, by its first steps but the very first, which touches memory for the first time."""

    # Seconds and steps after which an estimate is worth saying, whichever comes first.
    SECONDS, STEPS = 5.0, 20

    def __init__(self) -> None:
        self._start: float | None = None
        self._steps = 0
        self._is_said = False

    def after_step(self, left: int) -> str | None:
        """One line, once, when it is known and there is something to wait for.

        Args:
            left: steps that are still to come.

        """
        now = time.monotonic()
        if self._start is None:
            self._start = now
            return None
        self._steps += 1
        seconds = now - self._start
        if self._is_said or not left or (seconds < self.SECONDS and self._steps < self.STEPS):
            return None
        self._is_said = True
        each = seconds / self._steps
        long = progress.duration(left * each)
        return f"about {long} to go on this machine: {left:,} steps of {each:.2g} s, by the first {self._steps}"
