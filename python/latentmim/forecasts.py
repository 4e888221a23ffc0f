"""What a model would reach in a given time, by steps measured on this machine."""

from __future__ import annotations

import datetime
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentmim import budgets
from latentmim.distributed import Ranks
from latentmim.names import counted
from latentmim.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latentmim.budgets import Budget
    from latentmim.data import Dataset
    from latentmim.model import LatentMIM

__all__ = ["Candidate", "Forecast", "choose", "tell"]

# Of the budget, and at most: what the steps of one candidate are measured for.
SHARE, SECONDS = 0.02, 15.0


@dataclass(frozen=True)
class Candidate:
    """A model that a run could train.

    Attributes:
        name: what it is called in what is printed and in config.json.
        make: makes the model.
        training: options of its `Trainer` but `epochs`.
        enough: crops without which a smaller model is the better choice.

    Examples:
        >>> from latentmim.forecasts import Candidate
        >>> Candidate("mine", lambda: model, {"epochs": 1, "batch_size": 14}).name
        'mine'

    """

    name: str
    make: Callable[[], LatentMIM]
    training: dict[str, Any]
    enough: int = 0


@dataclass(frozen=True)
class Forecast:
    """How far a candidate would come.

    Attributes:
        candidate: of which.
        model: what it is like, in words.
        seconds_per_step: the reading of images included.
        steps: in the time that is left.
        epochs: passes over the data.

    Examples:
        >>> from latentmim.forecasts import Candidate, Forecast
        >>> mine = Candidate("mine", lambda: model, {})
        >>> Forecast(mine, "48 wide", seconds_per_step=0.5, steps=20, epochs=10.0).steps
        20

    """

    candidate: Candidate
    model: str
    seconds_per_step: float
    steps: int
    epochs: float

    @property
    def images_per_second(self) -> float:
        """Crops trained on in a second."""
        return int(self.candidate.training["batch_size"]) / self.seconds_per_step

    @property
    def crops(self) -> int:
        """Crops seen in all."""
        return self.steps * int(self.candidate.training["batch_size"])


def choose(
    candidates: Sequence[Candidate], data: Dataset, budget: Budget, comm: Any = None
) -> tuple[Forecast, list[Forecast]]:
    """The largest candidate that sees enough crops in the time that is left; the smallest where none does.

    Steps of each are measured, by all ranks together, and none is whose predecessor, which is faster, would not come
    far enough.

    Args:
        candidates: smallest first.
        data: what they would be trained on.
        budget: the time there is; rank 0's counts.
        comm: as for `Trainer`.

    Returns:
        The forecast of the one, and all that were made.

    Examples:
        >>> from latentmim.budgets import Budget
        >>> from latentmim.forecasts import Candidate, choose
        >>> training = {"batch_size": 14}
        >>> forecast, _ = choose([Candidate("mine", lambda: model, training)], photos, Budget(5))
        >>> forecast.candidate.name
        'mine'

    """
    forecasts: list[Forecast] = []
    for candidate in candidates:
        if forecasts and forecasts[-1].crops < candidate.enough:
            break
        forecasts.append(_forecast(candidate, data, budget, Ranks(comm)))
    found = [forecast for forecast in forecasts if forecast.crops >= forecast.candidate.enough]
    return (found or forecasts)[-1], forecasts


def _forecast(candidate: Candidate, data: Dataset, budget: Budget, ranks: Ranks) -> Forecast:
    """Measure some steps: the first two touch memory for the first time, and find images loaded beside nothing."""
    model = candidate.make()
    options = {name: value for name, value in candidate.training.items() if name != "epochs"}
    trainer = Trainer(model, data, epochs=1_000_000, progress=False, comm=ranks.comm, **options)
    for _ in range(2):
        trainer.step()
    most = min(SHARE * budget.seconds, SECONDS)
    start, steps = budgets.now(), 0
    while steps == 0 or ranks.decided(budgets.now() - start < most):
        trainer.step()
        steps += 1
    each, left = ranks.decided((max((budgets.now() - start) / steps, 1e-9), budget.left))
    possible = max(1, math.floor(left / each))
    return Forecast(candidate, _words(model), each, possible, possible / trainer.state.steps_per_epoch)


def _words(model: LatentMIM) -> str:
    config = model.config
    height, width = config.crop_size
    return f"{config.width} wide, {config.depth} deep, crops of {height}×{width} pixels"


def tell(chosen: Forecast, forecasts: Sequence[Forecast], budget: Budget) -> None:
    """Print forecasts, the chosen one marked, and when the run will end."""
    lines = [f"forecast for {budgets.exact(budget.seconds)}, by steps measured on this machine:"]
    for forecast in forecasts:
        mark = "→" if forecast is chosen else " "
        lines.append(
            f"{mark} {forecast.candidate.name}: {forecast.model}, {forecast.images_per_second:.4g} images/s, "
            f"{counted(forecast.epochs, 'epoch', form='.3g')}, {counted(forecast.crops, 'crop')}"
        )
    end = datetime.datetime.now() + datetime.timedelta(seconds=max(budget.left, 0))
    lines.append(f"ends at about {end:%H:%M:%S}{'' if end.date() == datetime.date.today() else f' on {end:%d %B}'}")
    print("\n".join(lines), file=sys.stderr)
