"""How well segments agree with masks: mean IoU after Hungarian matching, and pixel accuracy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from latentmim import _arrays
from latentmim.data.images import load_levels
from latentmim.data.label_maps import label_map, read_labels
from latentmim.distributed import Ranks, Sharing
from latentmim.encoder import Encoder
from latentmim.evaluate.results import Tabled
from latentmim.evaluate.running import encoder_of
from latentmim.evaluate.video import Scoring
from latentmim.model import LatentMIM
from latentmim.progress import bar
from latentmim.segmentation import segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import IntArray, PathLike

__all__ = ["ClassScore", "SegmentationScores", "segmentation"]

Maps: TypeAlias = "ArrayLike | PathLike | Sequence[ArrayLike | PathLike]"


@dataclass(frozen=True)
class ClassScore:
    """A class of the truth.

    Attributes:
        label: its number.
        segment: the segment that stands for it; None where there are fewer segments than classes.
        iou: |∩| / |∪| of both; 0 without a segment.

    Examples:
        >>> mask = lm.data.read_labels("first_mask.png")
        >>> lm.evaluate.segmentation([mask], [mask]).classes[0][1]
        ClassScore(label=1, segment=1, iou=1.0)

    """

    label: int
    segment: int | None
    iou: float


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentationScores(Tabled):
    """How well segments agree with masks: `print` shows a table, `float` is the mean IoU.

    Attributes:
        mean_iou: the mean over classes of |∩| / |∪| with the segment that stands for the class, of each image and then
            over images; with `matching="set"` over the classes of all.
        accuracy: the share of pixels whose segment stands for their class, of each image and then over images; with
            `matching="set"` of all pixels.
        classes: for each image its classes; with `matching="set"` those of all, as of one image.
        images: [N] float64, the mean IoU of each image, NaN where no pixel counts; with `matching="set"` [1].
        options: every option with its value.

    Examples:
        >>> mask = lm.data.read_labels("first_mask.png")
        >>> lm.evaluate.segmentation([mask], [mask]).mean_iou
        1.0

    """

    mean_iou: float
    accuracy: float
    classes: tuple[tuple[ClassScore, ...], ...] = field(repr=False)
    images: NDArray[np.float64] = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    _found: dict[str, Any] = field(repr=False)

    def __float__(self) -> float:
        return self.mean_iou


def segmentation(
    predicted: LatentMIM | Encoder | Maps,
    masks: Maps,
    images: Maps | None = None,
    *,
    segments: int | None = None,
    matching: Literal["image", "set"] | None = None,
    by: Literal["iou", "pixels"] | None = None,
    ignored: Sequence[int] | None = None,
    progress: bool = True,
    comm: Any = None,
    **options: Any,
) -> SegmentationScores:
    """Score segments by masks: each class of a mask is matched with one segment at most (Hungarian method).

    What stands for label maps or images: one array, a list of arrays or of paths, a file, or a folder of files. Two
    folders go together by names without their endings, all else in order.

    Args:
        predicted: label maps (those of `segment` too), or a model or encoder, which then divides `images`.
        masks: the truth, label maps of the same sizes.
        images: what an encoder divides into segments.
        segments: into how many; as many as the image's mask has classes if not given.
        matching: "image" (if not given): each image has a matching of its own, and scores are means over images; "set":
            a segment's number means the same in all, and there is one matching.
        by: the matching has the largest mean IoU ("iou", if not given), or the most pixels told right ("pixels").
        ignored: labels of masks whose pixels do not count; 255 if not given.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks read and divide the images together, all by the same call: docs/scaling.md.
        options: of `segment`.

    Raises:
        OSError: a file cannot be read, or has no counterpart; it is named.
        ValueError: different sizes or numbers, no labelled pixel, what `segment` refuses.
        TypeError: labels are no whole numbers.

    Examples:
        >>> mask = lm.data.read_labels("first_mask.png")
        >>> print(lm.evaluate.segmentation([mask], [mask]))
        | matched | largest | mIoU | pixel accuracy |
        | --- | --- | --- | --- |
        | 1 images, each for itself | IoU | 100.0 % | 100.0 % |

    """
    ranks = Ranks(comm)
    with ranks.agreeing():
        left_out = [255] if ignored is None else list(ignored)
        scores = Scoring("segmentation", matching=matching, by=by, ignored=ignored)
        truths, divided = _Maps(masks, "masks"), isinstance(predicted, LatentMIM | Encoder)
        if divided and images is None:
            raise ValueError("images: are not given, and an encoder divides them")
        if not divided and (images is not None or segments is not None or options):
            raise ValueError("predicted: are label maps: neither images nor options of `segment` go with them")
        given = _Maps(images if divided else predicted, "images" if divided else "predicted")
        pairs = list(truths.beside(given))
    ranks.share_processors()

    def compared(pair: tuple[_Map, _Map]) -> tuple[IntArray, IntArray]:
        """What was found, and the truth."""
        truth, item = pair
        mask = truth.labels()
        if isinstance(predicted, LatentMIM | Encoder):
            count = segments or np.setdiff1d(mask, left_out).size or 1
            found = _divided(encoder_of(predicted), item, count, options)
        else:
            found = item.labels()
        if found.shape != mask.shape:
            raise ValueError(f"{item.name}: is {list(found.shape)}, wanted {list(mask.shape)} as {truth.name}")
        return found, mask

    with (
        Sharing(ranks.comm) as sharing,
        bar(len(pairs), "segmentation", "image", is_shown=progress and ranks.is_root) as shown,
    ):
        for (truth, _), (found, mask) in zip(pairs, sharing.each(pairs, compared), strict=True):
            scores.add(truth.name, found[np.newaxis], mask[np.newaxis])
            shown.update()
    return _scores(scores.report())


def _scores(found: dict[str, Any]) -> SegmentationScores:
    return SegmentationScores(
        mean_iou=found["mean_iou"],
        accuracy=found["accuracy"],
        classes=tuple(tuple(ClassScore(*one) for one in image["classes"]) for image in found["images"]),
        images=np.array([image["mean_iou"] for image in found["images"]], np.float64),
        options=found["options"],
        _found=found,
    )


def _divided(encoder: Encoder, item: _Map, count: int, options: dict[str, Any]) -> IntArray:
    pixels = item.value
    if isinstance(pixels, str | os.PathLike):
        pixels = load_levels(pixels, channels=encoder.config.channels)
    return np.ascontiguousarray(segment(encoder, pixels, count, **options).labels, np.int32)


@dataclass(frozen=True)
class _Map:
    """A label map or an image, or its path, and what messages call it."""

    value: Any
    name: str

    def labels(self) -> IntArray:
        if isinstance(self.value, str | os.PathLike):
            return read_labels(self.value)
        return label_map(getattr(self.value, "labels", self.value), self.name)


class _Maps:
    """Label maps or images, from all that stands for them."""

    def __init__(self, given: Any, name: str) -> None:
        self.name, self.is_folder = name, False
        if isinstance(given, str | os.PathLike):
            path = _arrays.path(given)
            self.is_folder = os.path.isdir(path)
            files = sorted(name for name in os.listdir(path) if name[0] != ".") if self.is_folder else [""]
            self.items = [_named(os.path.join(path, file) if file else path) for file in files]
        elif isinstance(given, Sequence) and len(given) and not _is_rows(given):
            self.items = [
                _named(_arrays.path(one)) if isinstance(one, str | os.PathLike) else _Map(one, f"{name}[{index}]")
                for index, one in enumerate(given)
            ]
        else:
            self.items = self._arrays(given)

    def _arrays(self, given: Any) -> list[_Map]:
        array = np.asarray(getattr(given, "labels", given))
        if array.ndim == (4 if self.name == "images" else 3):
            return [_Map(one, f"{self.name}[{index}]") for index, one in enumerate(array)]
        return [_Map(array, self.name)]

    def beside(self, others: _Maps) -> Iterator[tuple[_Map, _Map]]:
        """Each with its counterpart. Raises FileNotFoundError, ValueError."""
        if self.is_folder and others.is_folder:
            there = {_stem(item.name): item for item in others.items}
            for item in self.items:
                if _stem(item.name) not in there:
                    raise FileNotFoundError(f"{others.name}: no file goes with {item.name}")
            return iter([(item, there[_stem(item.name)]) for item in self.items])
        if len(self.items) != len(others.items):
            raise ValueError(f"{others.name}: are {len(others.items)}, wanted {len(self.items)} as {self.name}")
        return zip(self.items, others.items, strict=True)


def _named(path: str) -> _Map:
    return _Map(path, _arrays.shown(path))


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _is_rows(given: Sequence[Any]) -> bool:
    """Whether a list is one label map, row by row."""
    return isinstance(given[0], Sequence | np.ndarray) and not isinstance(given[0], str) and np.ndim(given[0]) == 1
