"""What each worker can do, a module for each library; only that library and NumPy are imported there.

Each module has `prepare(job) -> Prepared`; `job` is the contender's dictionary (see contenders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Skip(Exception):
    """The contender cannot take part here; the text says why."""


class Seconds(float):
    """What one execution took by the contender's own clock."""


@dataclass
class Prepared:
    """Work ready to be repeated.

    Attributes:
        cases: name → one execution. What returns a number measures itself: `Seconds`, or a peak; all else is timed.
        facts: what is reported once: versions, and `error`, the difference from the reference's result.

    """

    cases: Mapping[str, Callable[[], Any]]
    facts: dict[str, Any] = field(default_factory=dict)


def fixed_images(batch: int, height: int, width: int, channels: int) -> Any:
    """The same random images everywhere: [B,H,W,channels] uint8, smooth gradients under noise."""
    import numpy as np

    rng = np.random.default_rng(0)
    slope = np.linspace(0, 100, height)[None, :, None, None] * rng.random((batch, 1, 1, channels))
    return (slope + rng.integers(0, 156, (batch, height, width, channels))).astype(np.uint8)


def relative_error(found: Any, wanted: Any) -> float:
    """Root mean square difference as a share of the root mean square of what is wanted."""
    import numpy as np

    difference = np.asarray(found, np.float64) - wanted
    return float(np.sqrt((difference**2).mean() / (np.asarray(wanted, np.float64) ** 2).mean()))
