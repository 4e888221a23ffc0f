"""What a run writes: its `folder`, the `log` of its steps, and the `lock` that keeps others out meanwhile."""

from latentmim.runs.folder import RunFolder
from latentmim.runs.lock import RunLock
from latentmim.runs.log import read_metrics

__all__ = ["RunFolder", "RunLock", "read_metrics"]
