"""Where else the lines of metrics.jsonl go while a run trains: TensorBoard, Weights & Biases, MLflow, trackio, yours.

>>> lm.pretrain("photos/", out="runs/first", loggers=["tensorboard"])                # doctest: +SKIP

metrics.jsonl is always written. A logger of yours is any object with the three methods of `Logger`. Each of those named
is a file of this package, listed in `NAMED`; what it needs is an extra: `pip install 'latentmim[tensorboard]'`.
"""

from latentmim.loggers.protocol import LoggedRun, Logger, RunState
from latentmim.loggers.registry import NAMED, make_loggers
from latentmim.loggers.sending import Sending

__all__ = ["NAMED", "LoggedRun", "Logger", "RunState", "Sending", "make_loggers"]
