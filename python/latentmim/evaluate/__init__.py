"""How good the features are: nearest neighbours (the paper's score, DINO's, plain), linear probe, few-shot transfer,
fine-tuning; what features say without labels; masks of videos and segments of pictures.

>>> import latentmim as lm
>>> lm.evaluate.knn(encoder, "photos/train", "photos/test")                    # doctest: +SKIP
>>> print(lm.evaluate.suite(encoder, "photos/train", "photos/test"))           # doctest: +SKIP

Every protocol takes an encoder and two data sets, or `Features` that come from elsewhere, and gives a `Result`.
`without_labels` takes one data set, and no labels of it. `davis` and `segmentation` score an encoder's masks, or masks
from elsewhere, by the truth's. `duplicates` finds copies.
"""

from __future__ import annotations

from latentmim.evaluate.copies import Duplicates, duplicates
from latentmim.evaluate.davis import davis, davis_scores
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
from latentmim.evaluate.segments import ClassScore, SegmentationScores, segmentation
from latentmim.evaluate.suites import compare_poolings, suite
from latentmim.evaluate.tuning import FineTuned, fine_tune
from latentmim.evaluate.video import (
    ObjectScores,
    ScoreStatistics,
    VideoScores,
    VideoSummary,
    boundary_accuracy,
    region_similarity,
    video_scores,
)
from latentmim.evaluate.without_labels import LayerRanks, WithoutLabels, without_labels

__all__ = [
    "ClassScore",
    "Duplicates",
    "Features",
    "FineTuned",
    "LayerRanks",
    "ObjectScores",
    "Report",
    "Result",
    "ScoreStatistics",
    "SegmentationScores",
    "VideoScores",
    "VideoSummary",
    "WithoutLabels",
    "boundary_accuracy",
    "compare_poolings",
    "davis",
    "davis_scores",
    "duplicates",
    "features",
    "few_shot",
    "fine_tune",
    "knn",
    "knn_uniform",
    "linear_probe",
    "nearest_neighbor",
    "pixels_nearest_neighbor",
    "region_similarity",
    "segmentation",
    "suite",
    "video_scores",
    "without_labels",
]
