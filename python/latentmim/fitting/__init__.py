"""What `Trainer.fit` does around the steps: log, scores, the `best` state, what is `saved` and `said`."""

from latentmim.fitting.best import Best, SaveBest
from latentmim.fitting.fitting import Ending, Fitting

__all__ = ["Best", "Ending", "Fitting", "SaveBest"]
