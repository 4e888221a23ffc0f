"""Steps of training, as those know them that take them: where a run is, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from latentmim._arrays import PathLike
    from latentmim.config import TrainingConfig
    from latentmim.data import Dataset
    from latentmim.distributed import Ranks
    from latentmim.history import History, Metrics
    from latentmim.model import LatentMIM

__all__ = ["Steps", "TrainerState"]


class TrainerState(NamedTuple):
    """Where a run is: steps done, steps of the whole run and of an epoch, the largest learning rate, whether the last
    step crossed `collapse_similarity` or `collapse_rank`, how far the schedules are (0 … 1), and of a run with a
    `budget` the seconds that it had taken when its schedules were last laid anew.

    Examples:
        >>> lm.Trainer(model, photos, epochs=3, batch_size=14).state.total_steps
        6

    """

    step: int
    total_steps: int
    steps_per_epoch: int
    peak_learning_rate: float
    looks_collapsed: bool
    progress: float
    seconds: float


class Steps(Protocol):
    """What takes the steps of a run: a `Trainer`."""

    model: LatentMIM
    dataset: Dataset
    history: History
    progress: bool
    _handle: Any
    _ranks: Ranks

    @property
    def config(self) -> TrainingConfig:
        """All options with their values."""

    @property
    def state(self) -> TrainerState:
        """Where the run is."""

    def step(self) -> Metrics | None:
        """One step; None, and nothing done, when the run is over."""

    def save(self, path: PathLike) -> None:
        """Write everything needed to go on."""

    def restore(self, path: PathLike) -> None:
        """Go back to a saved state."""

    def _reschedule(self, progress: float, total_steps: int, seconds: float) -> None:
        """Let the run end after so many steps, its schedules at `progress` now."""
