"""What a run writes: its `folder`, the `log` of its steps, and the `lock` that keeps others out."""

from latentmim.runs.folder import Resume, RunFolder, kept_plan
from latentmim.runs.lock import RunLock
from latentmim.runs.log import read_metrics

__all__ = ["Resume", "RunFolder", "RunLock", "kept_plan", "read_metrics"]
