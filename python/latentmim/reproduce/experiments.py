"""Which experiments there are, by name, in the order in which pages show them."""

from __future__ import annotations

from latentmim.reproduce.frozen import TABLE12
from latentmim.reproduce.tables import (
    BASELINES,
    IJEPA_CURVE,
    POOLINGS,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE10,
    TABLE11,
)

__all__ = ["EXPERIMENTS"]

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (TABLE1, TABLE2, TABLE3, TABLE4, TABLE10, TABLE11, BASELINES, TABLE12, IJEPA_CURVE, POOLINGS)
}
