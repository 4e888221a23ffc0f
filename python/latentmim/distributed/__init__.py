"""Several processes that compute one thing together, over MPI: ranks, of which rank 0 alone writes."""

from latentmim.distributed.filling import filled
from latentmim.distributed.launchers import world
from latentmim.distributed.ranks import SHARED, Ranks, Wire
from latentmim.distributed.sharing import Sharing

__all__ = ["SHARED", "Ranks", "Sharing", "Wire", "filled", "world"]
