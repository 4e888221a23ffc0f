"""What a run says while it goes on: the bar, and how long it will take."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentmim.history import Metrics
    from latentmim.training import Trainer

__all__ = ["Bar", "Pace", "bar", "duration"]


def bar(total: int | None, description: str, unit: str, *, is_shown: bool = True, **options: Any) -> Any:
    """A progress bar of tqdm, which takes the options.

    Examples:
        >>> from latentmim.progress import bar
        >>> with bar(3, "counting", "image", is_shown=False) as shown:
        ...     shown.update(3)

    """
    from tqdm.auto import tqdm

    # In a log file a line now and then is enough.
    pause = 0.2 if sys.stderr.isatty() or "ipykernel" in sys.modules else 10
    return tqdm(total=total, desc=description, unit=unit, mininterval=pause, disable=not is_shown, **options)


class Bar:
    """The progress bar: loss beside its chance level, similarity between images, speed."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar: Any = None
        self._trainer = trainer
        if trainer.progress:
            state = trainer.state
            self.bar = bar(state.total_steps, "training", "step", initial=state.step, smoothing=0.1)
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
        long = duration(left * each)
        return f"about {long} to go on this machine: {left:,} steps of {each:.2g} s, by the first {self._steps}"


def duration(seconds: float) -> str:
    """In the two largest units: "3 h 20 min".

    Examples:
        >>> from latentmim.progress import duration
        >>> duration(75), duration(7300)
        ('75 s', '2 h 2 min')

    """
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"
