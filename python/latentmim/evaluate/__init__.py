"""How good the features are: nearest neighbours (the paper's score, DINO's, plain), linear probe, few-shot transfer,
fine-tuning.

>>> import latentmim as lm
>>> lm.evaluate.knn(encoder, "photos/train", "photos/test")                    # doctest: +SKIP
>>> print(lm.evaluate.suite(encoder, "photos/train", "photos/test"))           # doctest: +SKIP

Every protocol takes an encoder and two data sets, or `Features` that come from elsewhere, and gives a `Result`.
"""

from __future__ import annotations

from latentmim.evaluate.features import Features, features
from latentmim.evaluate.protocols import (
    few_shot,
    knn,
    knn_uniform,
    linear_probe,
    nearest_neighbor,
    pixels_nearest_neighbor,
)
from latentmim.evaluate.results import Report, Result
from latentmim.evaluate.suites import compare_poolings, suite
from latentmim.evaluate.tuning import FineTuned, fine_tune

__all__ = [
    "Features",
    "FineTuned",
    "Report",
    "Result",
    "compare_poolings",
    "features",
    "few_shot",
    "fine_tune",
    "knn",
    "knn_uniform",
    "linear_probe",
    "nearest_neighbor",
    "pixels_nearest_neighbor",
    "suite",
]
