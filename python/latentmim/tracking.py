"""Objects are followed through a clip: video object segmentation by label propagation, after the masks of one frame."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

import numpy as np

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.config import to_json
from latentmim.data.clips import frames as frames_of
from latentmim.data.label_maps import read_labels, write_labels
from latentmim.encoder import require_encoder
from latentmim.names import counted, refuse_unknown
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from latentmim._arrays import PathLike
    from latentmim.config import Precision
    from latentmim.data.clips import Clip
    from latentmim.data.frames import Frames
    from latentmim.encoder import Encoder

__all__ = ["Tracker", "TrackingOptions", "Tracks", "track", "track_each"]

LabelArray: TypeAlias = "NDArray[np.uint8]"
Mask: TypeAlias = "ArrayLike | PathLike"
Preset = Literal["dino", "videowalk", "cropmae", "dinov3"]
VOID = 255


class TrackingOptions(TypedDict, total=False):
    """The numbers of a preset, all optional: those of the preset stand where nothing is given; `docs/tracking.md` has
    them in a table.

    Attributes:
        size: height and width that features are computed at, whatever the frame's ratio; else `side`, `fit` and
            `multiple` say it.
        side: pixels of the side that `fit` names, brought to a multiple of the patch size.
        fit: the "short" side, or the "height".
        rounding: sides become multiples "down", to the "nearest" or "up".
        multiple: of what the other side becomes a multiple; of the patch size where a preset has none.
        interpolation: how frames are resized.
        mean: what is subtracted from pixels in 0 … 1, one number a channel; the encoder's own where a preset has none.
        std: what they are divided by then; the same.
        layer: behind which block features are taken, 0 … depth.
        norm: with the final norm.
        mask_sampling: given masks become those of patches by the pixel that is "nearest" to the patch's centre, or as
            shares, "bilinear".
        context: frames before this one that it is compared with, besides the first.
        pad_context: the first frame stands for those that a clip's beginning lacks.
        window: patches are compared with those at most so many patches away; 0: with all.
        window_shape: in rows and in columns ("square"), in Euclidean distance ("circle"), or nearer than that
            ("open_circle").
        first_frame_window: the window applies to the first frame, too, and to others with given masks.
        k: how many of the patches that are most alike vote.
        keep_ties: those that tie with the k-th vote, too.
        temperature: votes count exp(cosine / temperature).
        upsample: maps of patches become labels of pixels: "nearest"; "bilinear", the largest at the frame's size wins;
            "bilinear_then_nearest", the largest at the network's size wins.
        rescale: each map is brought to 0 … 1 by its least and largest value before that.

    Examples:
        >>> options: lm.tracking.TrackingOptions = {"context": 3, "window": 4}
        >>> lm.track(encoder, "clip", "first_mask.png", progress=False, **options)
        Tracks(6 frames of 64×64, objects 1, 2)

    """

    size: int | tuple[int, int] | None
    side: int
    fit: Literal["short", "height"]
    rounding: Literal["down", "nearest", "up"]
    multiple: int | None
    interpolation: Literal["bicubic", "bilinear", "bilinear_without_antialias"]
    mean: Sequence[float] | None
    std: Sequence[float] | None
    layer: int | None
    norm: bool
    mask_sampling: Literal["nearest", "bilinear"]
    context: int
    pad_context: bool
    window: float
    window_shape: Literal["square", "circle", "open_circle"]
    first_frame_window: bool
    k: int
    keep_ties: bool
    temperature: float
    upsample: Literal["nearest", "bilinear", "bilinear_then_nearest"]
    rescale: bool


@dataclass(frozen=True, eq=False)
class Tracks:
    """The objects of a clip. Stands for its `labels` where an array is wanted.

    Attributes:
        labels: [T, H, W] uint8: 0 background, and the number of each object as it was given.
        objects: their numbers, in the order they appeared.
        names: of the frames, as files that belong to them are called.

    Examples:
        >>> tracks = lm.track(encoder, "clip", "first_mask.png", progress=False)
        >>> tracks.names[:2], len(tracks)
        (('00000', '00001'), 6)

    """

    labels: LabelArray = field(repr=False)
    objects: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)

    def save(self, folder: PathLike) -> None:
        """Write the labels of every frame to `folder`, as palette files of 8 bits, NAME.png each.

        Raises:
            OSError: they cannot be written.

        Examples:
            >>> lm.track(encoder, "clip", "first_mask.png", progress=False).save("masks")

        """
        place = _arrays.path(folder)
        os.makedirs(place, exist_ok=True)
        for name, labels in zip(self.names, self.labels, strict=True):
            write_labels(os.path.join(place, name + ".png"), labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        count, height, width = self.labels.shape
        objects = f"object{'s' if len(self.objects) > 1 else ''} {', '.join(map(str, self.objects))}"
        return f"Tracks({counted(count, 'frame')} of {height}×{width}, {objects})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.labels, dtype, copy=copy) if copy else np.asarray(self.labels, dtype)


class Tracker:
    """Follows objects through a clip whose frames come one by one.

    Features and soft masks of a frame are kept as long as the context reaches back to it. A frame that is refused
    leaves the tracker as it was.

    Args:
        encoder: whose features.
        preset: a published protocol: "dino", "videowalk", "cropmae" or "dinov3".
        precision: what the operands of the encoder's products are rounded to, as in `Encoder.features`; similarities
            are float32.
        options: over the preset's, see `TrackingOptions`.

    Raises:
        ValueError: an unknown option, a value out of its range.
        TypeError: `encoder` is none.

    Examples:
        >>> frames = list(lm.data.frames("clip"))
        >>> tracker = lm.Tracker(encoder, context=3)
        >>> _ = tracker.start(frames[0], "first_mask.png")
        >>> tracker.add(frames[1]).shape
        (64, 64)
        >>> tracker.count, tracker.objects, tracker.size, tracker.options["context"]
        (2, (1, 2), (480, 448), 3)

    """

    def __init__(
        self,
        encoder: Encoder,
        preset: Preset = "dino",
        *,
        precision: Precision = "float32",
        **options: Unpack[TrackingOptions],
    ) -> None:
        require_encoder(encoder)
        refuse_unknown("track", options, TrackingOptions.__annotations__)
        given = to_json({"preset": preset, "precision": precision, **options})
        self._handle = _native.tracker_create(encoder._handle, given)

    @property
    def options(self) -> dict[str, Any]:
        """All options with their values, the preset's and those that were given."""
        found: dict[str, Any] = self._state["options"]
        return found

    @property
    def count(self) -> int:
        """Frames of the clip so far."""
        return int(self._state["frames"])

    @property
    def objects(self) -> tuple[int, ...]:
        """The numbers of the objects that are followed, in the order they appeared."""
        return tuple(self._state["objects"])

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that features are computed at; None before a clip has begun."""
        size = self._state["size"]
        return None if size is None else (size[0], size[1])

    @property
    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(_native.tracker_description(self._handle))
        return state

    def start(self, frame: ArrayLike, labels: Mask) -> LabelArray:
        """Begin a clip.

        Args:
            frame: its first, [H, W, C], uint8 in 0 … 255 or float in 0 … 1, of any size.
            labels: [H, W] whole numbers: 0 background, 1 … 254 objects, 255 void, which counts as background; where
                there are 0 and 255 alone, black and white, 255 is object 1, and so is True; or the path of a mask file.

        Returns:
            [H, W] uint8, the labels without void.

        Raises:
            ValueError: no object is labelled, labels of another size, numbers beyond 255, NaN, other channels than the
                encoder's.

        Examples:
            >>> first = next(iter(lm.data.frames("clip")))
            >>> lm.Tracker(encoder).start(first, "first_mask.png").shape
            (64, 64)

        """
        pixels, given = _frame(frame, 0), _labels(labels, frame, 0)
        _native.tracker_start(self._handle, pixels, given)
        return np.where(given == VOID, np.uint8(0), given)

    def add(self, frame: ArrayLike, labels: Mask | None = None) -> LabelArray:
        """Go on with the next frame.

        Args:
            frame: of the first one's size.
            labels: as in `start`, of objects that are given with this frame, such as new ones: they replace what is
                propagated where they are neither 0 nor void, and the frame stays in the context, like the first.

        Returns:
            [H, W] uint8, the object of each pixel, 0 for the background.

        Raises:
            ValueError: no clip was begun; a frame of another size; as `start`. The message says which frame.

        Examples:
            >>> frames = list(lm.data.frames("clip"))
            >>> tracker = lm.Tracker(encoder)
            >>> _ = tracker.start(frames[0], "first_mask.png")
            >>> [tracker.add(frame).shape for frame in frames[1:3]]
            [(64, 64), (64, 64)]

        """
        index = self.count
        pixels = _frame(frame, index)
        given = None if labels is None else _labels(labels, frame, index)
        tracked = np.empty(pixels.shape[1:3], np.uint8)
        _native.tracker_add(self._handle, pixels, given, tracked)
        return tracked


def track(
    encoder: Encoder,
    frames: Clip,
    first_mask: Mask | Mapping[int, Mask],
    preset: Preset = "dino",
    *,
    precision: Precision = "float32",
    progress: bool = True,
    **options: Unpack[TrackingOptions],
) -> Tracks:
    """Follow the objects of a mask through a clip.

    Args:
        encoder: whose features.
        frames: a folder of images, a video file, an array [T, H, W, C], a list of paths or arrays, or anything that
            gives frames one by one: see `latentmim.data.frames`.
        first_mask: labels of the first frame, [H, W] whole numbers: 0 background, 1 … 254 objects, 255 void (alone
            with 0, as in black-and-white masks: object 1); or truth values; or a mask file. Where objects appear later:
            {number of the frame: mask}, with one for frame 0; see `Tracker.add`.
        preset: "dino", "videowalk", "cropmae" or "dinov3"; `docs/tracking.md` has their numbers.
        precision: see `Tracker`.
        progress: show a bar.
        options: over the preset's, see `TrackingOptions`.

    Raises:
        ValueError: an empty mask, or one of another size; frames of different sizes, damaged or with NaN: the frame or
            its file is named. What was tracked before is in the exception's attribute `tracks`, whatever broke off.
        TypeError: `encoder` is none, frames are nothing to go through.
        OSError: a frame or mask cannot be read.

    Examples:
        >>> tracks = lm.track(encoder, "clip", "first_mask.png", progress=False)
        >>> tracks.labels.shape, tracks.objects
        ((6, 64, 64), (1, 2))

    """
    tracker = Tracker(encoder, preset, precision=precision, **options)
    clip = frames_of(frames, channels=encoder.config.channels)
    found: list[LabelArray] = []

    def tracks() -> Tracks:
        return Tracks(np.stack(found), tracker.objects, tuple(map(clip.stem, range(len(found)))))

    try:
        with bar(clip.count, "tracking", "frame", is_shown=progress) as shown:
            for labels in _each(tracker, clip, first_mask):
                found.append(labels)
                shown.update()
    except BaseException as error:
        if found:
            error.tracks = tracks()  # type: ignore[attr-defined]
            error.add_note(f"{len(found)} frames were tracked before: they are in the exception's attribute 'tracks'")
        raise
    return tracks()


def track_each(
    encoder: Encoder,
    frames: Clip,
    first_mask: Mask | Mapping[int, Mask],
    preset: Preset = "dino",
    *,
    precision: Precision = "float32",
    **options: Unpack[TrackingOptions],
) -> Iterator[LabelArray]:
    """The same, frame by frame: gives the labels [H, W] of each before the next one is read.

    Args:
        encoder: see `track`, and so are the others.
        frames: see `track`.
        first_mask: see `track`.
        preset: see `track`.
        precision: see `track`.
        options: see `track`.

    Examples:
        >>> [labels.shape for labels in lm.track_each(encoder, "clip", "first_mask.png")][:2]
        [(64, 64), (64, 64)]

    """
    tracker = Tracker(encoder, preset, precision=precision, **options)
    return _each(tracker, frames_of(frames, channels=encoder.config.channels), first_mask)


def _each(tracker: Tracker, clip: Frames, first_mask: Mask | Mapping[int, Mask]) -> Iterator[LabelArray]:
    masks = dict(first_mask) if isinstance(first_mask, Mapping) else {0: first_mask}
    if 0 not in masks:
        raise ValueError(f"first_mask: masks are given for frames {sorted(masks)}, wanted one for frame 0")
    if clip.count is not None and (beyond := [index for index in masks if not 0 <= index < clip.count]):
        raise ValueError(f"first_mask: there is one for frame {beyond[0]}, the clip has {clip.count} frames")
    index = -1
    for index, frame in enumerate(clip):
        mask = masks.pop(index, None)
        try:
            labels = tracker.start(frame, mask) if index == 0 and mask is not None else tracker.add(frame, mask)
        except (ValueError, FloatingPointError) as error:
            # The core knows the number, the clip the file.
            message = str(error).removeprefix(f"frame {index}: ")
            raise type(error)(f"{clip.name(index)}: {message}") from None
        yield labels
    if index < 0:
        raise ValueError(f"{clip.source}: there are no frames")
    if masks:
        raise ValueError(f"first_mask: there is one for frame {min(masks)}, the clip ended after {index + 1} frames")


def _frame(frame: ArrayLike, index: int) -> NDArray[Any]:
    """Pixels [1, H, W, C]."""
    pixels, is_single = _arrays.batch(frame, f"frame {index}")
    if not is_single:
        raise ValueError(f"frame {index}: shape is {list(pixels.shape)}, wanted [H, W, C]")
    return pixels


def _labels(labels: Mask, frame: ArrayLike, index: int) -> LabelArray:
    """Labels of the frame's size."""
    name = f"frame {index}: labels"
    if isinstance(labels, str | os.PathLike):
        name = f"frame {index}: labels of {_arrays.shown(_arrays.path(labels))}"
        labels = read_labels(labels)
    array = np.asarray(labels)
    given = array.astype(np.uint8) if array.dtype == np.bool_ else _arrays.integers(array, name, np.uint8)
    if given.any() and np.isin(given, (0, VOID)).all():
        given = (given == VOID).astype(np.uint8)
    wanted = np.shape(frame)[:2]
    if given.shape != wanted:
        raise ValueError(f"{name} have shape {list(given.shape)}, wanted the frame's, {list(wanted)}")
    return np.ascontiguousarray(given)
