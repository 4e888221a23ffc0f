"""MLflow: the tracking server or store of MLFLOW_TRACKING_URI, or of `mlflow.set_tracking_uri`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim.loggers.protocol import LoggedRun, RunState

__all__ = ["MLflow"]

STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
# What one request may hold, and the characters of a parameter.
AT_ONCE, LONGEST = 100, 500


class MLflow:
    """A run of the experiment "latentmim", or that of MLFLOW_EXPERIMENT_NAME; the configuration is its parameters.

    The program's own active run is left alone.

    Examples:
        >>> lm.loggers.NAMED["mlflow"].kind
        'MLflow'

    """

    _client: Any
    _id: str

    def begin(self, run: LoggedRun) -> int:
        """Make the run, or set the one that goes on to running."""
        from mlflow import MlflowClient

        self._client = MlflowClient()
        if "run_id" in run.kept:
            self._id = run.kept["run_id"]
            self._client.update_run(self._id, status="RUNNING")
        else:
            self._id = self._created(run)
            run.kept["run_id"] = self._id
        return max((metric.step for metric in self._client.get_metric_history(self._id, "loss")), default=0)

    def _created(self, run: LoggedRun) -> str:
        from mlflow.entities import Param

        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "latentmim"
        found = self._client.get_experiment_by_name(experiment)
        place = self._client.create_experiment(experiment) if found is None else found.experiment_id
        made = str(self._client.create_run(place, run_name=run.name).info.run_id)
        params = [Param(name, str(value)[:LONGEST]) for name, value in _flat(run.config)]
        for first in range(0, len(params), AT_ONCE):
            self._client.log_batch(made, params=params[first : first + AT_ONCE])
        return made

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Send a line."""
        from mlflow.entities import Metric

        now = time.time_ns() // 10**6
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])

    def end(self, state: RunState) -> None:
        """Set the run's status."""
        self._client.set_terminated(self._id, STATUS[state])


def _flat(config: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The options of a nested configuration: "model.width"."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
