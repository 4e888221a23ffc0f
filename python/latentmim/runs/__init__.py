"""What a run writes: its `folder`, the `log` of its steps, what is `saved`, and the `lock` that keeps others out."""

from latentmim.runs.folder import RunFolder, kept_plan
from latentmim.runs.lock import RunLock
from latentmim.runs.log import read_metrics
from latentmim.runs.saved import Resume, SavedRun

__all__ = ["Resume", "RunFolder", "RunLock", "SavedRun", "kept_plan", "read_metrics"]
