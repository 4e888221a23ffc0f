"""J and F: how well masks of objects agree with the truth, in pictures and in videos."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.evaluate.results import Tabled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import IntArray

__all__ = [
    "ObjectScores", "ScoreStatistics", "VideoScores", "VideoSummary", "boundary_accuracy", "region_similarity",
    "video_scores",
]  # fmt: skip

Void: TypeAlias = Literal["background", "ignore"]


def region_similarity(predicted: ArrayLike, truth: ArrayLike) -> float | NDArray[np.float64]:
    """J: |∩| / |∪| of two masks, 1 where both are empty.

    Args:
        predicted: [H, W] or [T, H, W], bool, or whole numbers of which one besides 0 is the mask.
        truth: the same shape.

    Returns:
        J, or [T] float64.

    Raises:
        ValueError: different shapes, or several objects (`video_scores` tells them apart).
        TypeError: neither bool nor whole numbers.

    Examples:
        >>> square, left = np.ones((4, 4), bool), np.tri(4, dtype=bool)
        >>> lm.evaluate.region_similarity(left, square)
        0.625

    """
    return _of_masks(predicted, truth, is_similarity=True)


def boundary_accuracy(predicted: ArrayLike, truth: ArrayLike) -> float | NDArray[np.float64]:
    """F: how well the boundaries of two masks agree, 2PR/(P + R) of precision and recall.

    A boundary's pixel is found if the other boundary has one within ⌈0.008 · √(H² + W²)⌉ pixels. A mask that is empty
    or fills the picture has no boundary: two of them have F = 1, one beside another mask 0. All as DAVIS has it.

    Args:
        predicted: [H, W] or [T, H, W], bool, or whole numbers of which one besides 0 is the mask.
        truth: the same shape.

    Returns:
        F, or [T] float64.

    Raises:
        ValueError: as `region_similarity`.
        TypeError: as `region_similarity`.

    Examples:
        >>> mask = lm.data.read_labels("first_mask.png") == 1
        >>> lm.evaluate.boundary_accuracy(mask, mask)
        1.0

    """
    return _of_masks(predicted, truth, is_similarity=False)


def _of_masks(predicted: ArrayLike, truth: ArrayLike, *, is_similarity: bool) -> float | NDArray[np.float64]:
    found, wanted = _mask(predicted, "predicted"), _mask(truth, "truth")
    if found.shape != wanted.shape or found.ndim not in (2, 3):
        raise ValueError(
            f"predicted: shape is {list(found.shape)}, truth's {list(wanted.shape)}; wanted [H, W] or [T, H, W] of both"
        )
    shape = (-1, *found.shape[-2:])
    if not found.size:
        raise ValueError(f"predicted: shape is {list(found.shape)}, wanted at least one pixel")
    scores = np.empty((found.size // (found.shape[-1] * found.shape[-2]), 1))
    places = (scores, None) if is_similarity else (None, scores)
    _native.mask_scores(found.reshape(shape), wanted.reshape(shape), np.ones(1, np.int32), False, *places)
    return float(scores[0, 0]) if found.ndim == 2 else scores[:, 0]


def _mask(mask: ArrayLike, name: str) -> IntArray:
    array = np.asarray(mask)
    if array.dtype == bool:
        return np.ascontiguousarray(array, np.int32)
    labels = np.unique(_arrays.integers(array, name, np.int32))
    if (objects := labels[labels != 0]).size > 1:
        raise ValueError(
            f"{name}: holds labels {objects[0]} and {objects[1]}, wanted one mask: `{name} == {objects[0]}`, or "
            "video_scores, which tells objects apart"
        )
    return np.ascontiguousarray(array != 0, np.int32)


@dataclass(frozen=True)
class ScoreStatistics:
    """J or F over frames, or the means over several objects.

    Attributes:
        mean: over frames.
        recall: the share of frames above ½.
        decay: the mean of the first quarter of frames less that of the last.

    Examples:
        >>> lm.evaluate.ScoreStatistics(mean=0.8, recall=1.0, decay=0.05).mean
        0.8

    """

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoSummary:
    """J and F of an object, or their means over objects. `float` is J&F.

    Attributes:
        mean: J&F, the mean of both means.
        region_similarity: J.
        boundary_accuracy: F.

    Examples:
        >>> truth = np.stack([lm.data.read_labels("first_mask.png")] * 4)
        >>> lm.evaluate.video_scores(truth, truth).sequences["video"].mean
        1.0

    """

    mean: float
    region_similarity: ScoreStatistics
    boundary_accuracy: ScoreStatistics

    def __float__(self) -> float:
        return self.mean


@dataclass(frozen=True, eq=False, kw_only=True)
class ObjectScores(VideoSummary):
    """One object in the frames that count.

    Attributes:
        sequence: whose.
        object: its label.
        similarities: [frames] float64, J.
        accuracies: [frames] float64, F.

    Examples:
        >>> truth = np.stack([lm.data.read_labels("first_mask.png")] * 4)
        >>> [score.object for score in lm.evaluate.video_scores(truth, truth).objects]
        [1, 2]

    """

    sequence: str
    object: int
    similarities: NDArray[np.float64] = field(repr=False)
    accuracies: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoScores(Tabled, VideoSummary):
    """J and F over all objects, of each sequence and of each object: `print` shows them as a table.

    Attributes:
        sequences: by name, the means over a sequence's objects.
        objects: every object of every sequence.
        left_out: by sequence, the labels of objects that are not in its first frame.

    Examples:
        >>> truth = np.stack([lm.data.read_labels("first_mask.png")] * 4)
        >>> float(lm.evaluate.video_scores(truth, truth))
        1.0

    """

    sequences: dict[str, VideoSummary] = field(repr=False)
    objects: tuple[ObjectScores, ...] = field(repr=False)
    left_out: dict[str, list[int]]
    _found: dict[str, Any] = field(repr=False)


def video_scores(
    predicted: ArrayLike,
    truth: ArrayLike,
    *,
    name: str = "video",
    void: Void | None = None,
    all_frames: bool | None = None,
) -> VideoScores:
    """J and F of every object of a video, as DAVIS has them.

    The objects are the labels of the truth's first frame; what appears later is left out, and named in the result.

    Args:
        predicted: [T, H, W], whole numbers: 0 is the background. What `track` gives, too.
        truth: the same shape. Where its first frame holds 0 and 255 alone, 255 is the object, and in `predicted`
            everything that is not 0.
        name: what the table calls the video.
        void: what pixels of label 255 in the truth are: "background" (if not given, as in DAVIS), or "ignore": they
            do not count.
        all_frames: whether the first and the last frame count; DAVIS leaves out both, and so does this if not given.

    Raises:
        ValueError: different shapes, no object in the first frame, no frame that counts.
        TypeError: labels are no whole numbers.

    Examples:
        >>> truth = np.stack([lm.data.read_labels("first_mask.png")] * 4)
        >>> lm.evaluate.video_scores(truth, truth).mean
        1.0

    """
    scores = Scoring("davis", void=void, all_frames=all_frames)
    scores.add(name, _labels(predicted, "predicted"), _labels(truth, "truth"))
    return scores.video()


def _labels(video: Any, name: str) -> IntArray:
    array = np.asarray(getattr(video, "labels", video))
    found: IntArray = _arrays.integers(array.astype(np.int32) if array.dtype == bool else array, name, np.int32)
    if found.ndim != 3:
        raise ValueError(f"{name}: shape is {list(found.shape)}, wanted [T, H, W]")
    return found


class Scoring:
    """Scores that the core adds up; None is an option not given."""

    def __init__(self, kind: Literal["davis", "segmentation"], **options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        self._handle = _native.scores_create(kind, to_json(given))

    def add(self, name: str, predicted: IntArray, truth: IntArray) -> None:
        """The next frames of a sequence, or images: [T, H, W] each. Raises ValueError."""
        if predicted.shape != truth.shape:
            raise ValueError(f"{name}: predicted is {list(predicted.shape)}, the truth {list(truth.shape)}")
        _native.scores_add(self._handle, _arrays.shown(name), predicted, truth)

    def report(self) -> dict[str, Any]:
        """Everything found so far. Raises ValueError where nothing counts."""
        found: dict[str, Any] = json.loads(_native.scores_report(self._handle))
        return found

    def video(self) -> VideoScores:
        """J and F found so far. Raises ValueError where nothing counts."""
        found = self.report()
        objects = tuple(
            ObjectScores(
                **_summary(entry), sequence=entry["sequence"], object=entry["object"],
                similarities=np.array(entry["similarities"], np.float64),
                accuracies=np.array(entry["accuracies"], np.float64),
            )
            for entry in found["objects"]
        )  # fmt: skip
        left_out: dict[str, list[int]] = {}
        for sequence, label, _ in found["left_out"]:
            left_out.setdefault(sequence, []).append(label)
        return VideoScores(
            **_summary(found["overall"]), objects=objects, left_out=left_out, _found=found,
            sequences={entry["sequence"]: VideoSummary(**_summary(entry)) for entry in found["sequences"]},
        )  # fmt: skip


def _summary(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "mean": entry["mean"],
        "region_similarity": ScoreStatistics(**entry["region_similarity"]),
        "boundary_accuracy": ScoreStatistics(**entry["boundary_accuracy"]),
    }
