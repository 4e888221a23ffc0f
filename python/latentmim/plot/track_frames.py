"""Tracked masks over their frames: a strip, a GIF, a video."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.data import frames as read_frames
from latentmim.data import resize
from latentmim.plot.canvas import displayed, panels, show
from latentmim.plot.label_colours import check_opacity, label_map, object_colours, overlay, painted
from latentmim.plot.moving_pictures import WRITERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import IntArray, PathLike
    from latentmim.data.clips import Clip
    from latentmim.plot.canvas import Panels

__all__ = ["save_tracks", "tracks"]


def tracks(frames: Clip, labels: Any, count: int = 5, *, opacity: float = 0.55, ax: Any = None) -> Panels:
    """Some frames of a clip with what was tracked in them, evenly spaced from the first to the last.

    Args:
        frames: of one size: whatever `latentmim.data.frames` takes or returns.
        labels: what `latentmim.track` returns, or whole numbers [H, W] for each frame: 0 background, 255 unknown
            (light grey), else objects.
        count: frames that are shown.
        opacity: of the objects' colours over the frames, 0 … 1.
        ax: where to draw, see `latentmim.plot`: as many Axes as frames.

    Returns:
        Axes [frames].

    Raises:
        TypeError: pixels or labels of another type.
        ValueError: no frames, more or fewer labels than frames, labels of another size than their frame.

    Examples:
        >>> found = lm.track(encoder, "clip", "first_mask.png", progress=False)
        >>> lm.plot.tracks("clip", found, count=3).shape
        (3,)

    """
    if count < 1:
        raise ValueError(f"tracks: count is {count}, wanted at least 1")
    check_opacity(opacity, "tracks")
    given = getattr(labels, "labels", labels)
    given = given if hasattr(given, "__len__") else list(given)
    # So many there are, if there are as many frames, of which only these are kept.
    chosen = np.unique(np.linspace(0, max(0, len(given) - 1), count).round().astype(int)).tolist()
    pairs = {number: pair for number, pair in enumerate(_pairs(frames, given, "tracks")) if number in chosen}
    height, width = pairs[0][1].shape
    axes: Panels = panels("tracks", 1, len(chosen), 3.2 * len(chosen), 3.2 * height / width + 0.35, ax)[0]
    shades = object_colours(max(int(found.max()) for _, found in pairs.values()))
    for one, (number, (frame, found)) in zip(axes, pairs.items(), strict=True):
        show(one, frame, f"frame {number}")
        overlay(one, found, shades, opacity)
    return axes


def save_tracks(
    path: PathLike,
    frames: Clip,
    labels: Any,
    *,
    frames_per_second: float = 10,
    width: int | None = None,
    opacity: float = 0.55,
) -> None:
    """Write a clip with what was tracked in it: `.gif` (needs Pillow: `latentmim[data]`) or `.mp4` (H.264, needs PyAV:
    `latentmim[video]`). Frames are taken as they come, one at a time; the file is there complete or not at all.

    Args:
        path: whose ending says what is written.
        frames: as in `tracks`.
        labels: as in `tracks`; `latentmim.track_each` gives them as they come.
        frames_per_second: above 0; a GIF's are rounded to a whole number of hundredths of a second each.
        width: of the pictures, in pixels, with which their height goes; the frames' own if not given.
        opacity: as in `tracks`.

    Raises:
        ImportError: what writes such files is not installed.
        OSError: the file cannot be written.
        TypeError: pixels or labels of another type.
        ValueError: another ending, and as `tracks`.

    Examples:
        >>> found = lm.track(encoder, "clip", "first_mask.png", progress=False)
        >>> lm.plot.save_tracks("tracks.gif", "clip", found)

    """
    target = _arrays.path(path)
    ending = os.path.splitext(target)[1].lower()
    if ending not in WRITERS:
        raise ValueError(f"save_tracks: path is '{_arrays.shown(target)}', wanted an ending of {' or '.join(WRITERS)}")
    if not 0 < frames_per_second <= 100:
        raise ValueError(f"save_tracks: frames_per_second is {frames_per_second}, wanted more than 0, at most 100")
    check_opacity(opacity, "save_tracks")
    writer = WRITERS[ending]()  # says what is not installed before anything is computed
    if width is not None and width < 1:
        raise ValueError(f"save_tracks: width is {width}, wanted at least 1")
    pictures = (
        _resized(painted(frame, found, opacity), width) for frame, found in _pairs(frames, labels, "save_tracks")
    )
    partial = f"{target}.part"
    try:
        writer(partial, pictures, frames_per_second)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def _pairs(frames: Clip, labels: Any, function: str) -> Iterator[tuple[NDArray[Any], IntArray]]:
    """Frames and their labels, checked one by one."""
    clip, size, number = read_frames(frames), None, -1
    given, missing = getattr(labels, "labels", labels), object()
    for number, (frame, found) in enumerate(itertools.zip_longest(clip, given, fillvalue=missing)):
        if frame is missing or found is missing:
            few, many = ("frames", "labels") if frame is missing else ("labels", "frames")
            raise ValueError(f"{function}: there are {number} {few} and more {many}, wanted as many")
        picture = displayed(frame, function, clip.name(number))  # type: ignore[arg-type]
        if size not in (None, picture.shape):
            raise ValueError(
                f"{function}: {clip.name(number)} has shape {list(picture.shape)}, wanted {list(size)}, the first's"
            )
        size = picture.shape
        yield picture, label_map(found, size[:2], function, f"labels[{number}]")  # type: ignore[arg-type]
    if number < 0:
        raise ValueError(f"{function}: there are no frames")


def _resized(picture: NDArray[np.uint8], width: int | None) -> NDArray[np.uint8]:
    if width is None:
        return picture
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    resized: NDArray[np.uint8] = np.rint(255 * resize(picture, (height, width)).clip(0, 1)).astype(np.uint8)
    return resized
