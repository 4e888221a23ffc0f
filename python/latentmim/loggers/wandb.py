"""Weights & Biases, online or, with WANDB_MODE=offline, in files that `wandb sync` sends later."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

from latentmim.loggers.wandb_files import last_offline_step

if TYPE_CHECKING:
    from latentmim.loggers.protocol import LoggedRun, RunState

__all__ = ["WeightsAndBiases"]

# Exit codes that W&B shows as finished, and as crashed.
CODES = {"finished": 0, "stopped": 0, "failed": 1}


class WeightsAndBiases:
    """A run of its project "latentmim", or that of WANDB_PROJECT; its files lie in `wandb/` in the folder of the run.

    A run that goes on is the same there, by its id. Offline each call writes another file, of the later steps.

    Examples:
        >>> lm.loggers.NAMED["wandb"].kind
        'WeightsAndBiases'

    """

    _run: Any

    def begin(self, run: LoggedRun) -> int:
        """Begin, or resume. Other runs of the process are left alone."""
        import wandb

        run.kept.setdefault("id", secrets.token_hex(4))
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "latentmim", name=run.name, id=run.kept["id"], resume="allow",
            dir=run.folder, config=run.config, reinit="create_new",
        )  # fmt: skip
        if self._run.resumed:
            return int(self._run.starting_step) - 1
        # Offline it does not know its earlier steps.
        return last_offline_step(run.folder, run.kept["id"]) if run.step else 0

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Hand a line to its process, which sends it."""
        self._run.log(metrics, step=step)

    def end(self, state: RunState) -> None:
        """Wait until it has sent everything."""
        self._run.finish(exit_code=CODES[state])
