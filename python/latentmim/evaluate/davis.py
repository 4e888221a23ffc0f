"""DAVIS: masks of its videos predicted by an encoder, and masks from anywhere scored."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from latentmim import _arrays
from latentmim.data.label_maps import read_labels, write_labels
from latentmim.distributed import Ranks, Sharing
from latentmim.evaluate.running import encoder_of
from latentmim.evaluate.video import Scoring, VideoScores, Void
from latentmim.names import nearest
from latentmim.progress import bar
from latentmim.tracking import track_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latentmim._arrays import IntArray, PathLike
    from latentmim.encoder import Encoder
    from latentmim.model import LatentMIM
    from latentmim.tracking import Preset

__all__ = ["davis", "davis_scores"]

# Endings that masks from elsewhere are looked for by.
MASK_ENDINGS = (".png", ".npy", ".tif", ".tiff", ".pgm")
# Frames that are read and scored at a time.
FRAMES = 8


def davis(
    model: LatentMIM | Encoder,
    path: PathLike,
    *,
    preset: Preset = "dino",
    sequences: Sequence[str] | PathLike | None = None,
    resolution: str | None = None,
    out: PathLike | None = None,
    void: Void | None = None,
    all_frames: bool | None = None,
    progress: bool = True,
    comm: Any = None,
    **tracking: Any,
) -> VideoScores:
    """Track the objects of DAVIS' videos from their first masks, and score what is found: J and F.

    Args:
        model: a model or an encoder.
        path: of the folder with `JPEGImages` and `Annotations`, laid out as DAVIS 2017 or 2016: a folder for each
            resolution, and in it one for each sequence; `~` is your home. Where an annotation holds 0 and 255 alone
            (DAVIS 2016), 255 is the object; else it is void (DAVIS 2017).
        preset: how labels are propagated, as in `track`.
        sequences: their names, or the path of a file with a name in each line. If not given, those of
            `ImageSets/2017/val.txt` where there is one, else all.
        resolution: the folder in `JPEGImages` and `Annotations`; "480p", or the only one there is, if not given.
        out: a folder that the masks are written to as they are found, OUT/SEQUENCE/FRAME.png (`write_labels`). What is
            stopped leaves there what it has done, for `davis_scores`.
        void: as in `video_scores`.
        all_frames: as in `video_scores`.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks track sequences beside each other, all by the same call, and write their masks:
            docs/scaling.md.
        tracking: more options of `track`.

    Raises:
        OSError: a folder or a file is missing; it is named.
        ValueError: a file is damaged or has another size than its truth, or a name is no sequence.
        TypeError: `model` is neither model nor encoder.

    Examples:
        >>> scores = lm.evaluate.davis(encoder, "DAVIS", progress=False)
        >>> [score.object for score in scores.objects]
        [1, 2]

    """
    ranks = Ranks(comm)
    with ranks.agreeing():
        encoder = encoder_of(model)
        wanted = _sequences(_arrays.path(path), sequences, resolution, has_frames=True)
        scores = Scoring("davis", void=void, all_frames=all_frames)
    ranks.share_processors()
    total = sum(len(sequence.frames) for sequence in wanted)
    with (
        Sharing(ranks.comm) as sharing,
        bar(total, "tracking", "frame", is_shown=progress and ranks.is_root) as shown,
    ):

        def tracked(sequence: _Sequence) -> list[_Packed]:
            """The labels of the frames that are scored."""
            shown.set_postfix_str(_arrays.shown(sequence.name), refresh=False)
            found = []
            for frame, labels in zip(sequence.frames, _tracked(encoder, sequence, preset, tracking), strict=True):
                if out is not None:
                    _write(os.path.join(_arrays.path(out), sequence.name), frame, labels)
                if _stem(frame) in sequence.truth:
                    found.append(_Packed(frame, labels.shape, zlib.compress(labels.tobytes(), 1)))
                shown.update()
            return found

        # Sequences that ranks track beside each other are about as long; they are scored in their own order.
        order = list(range(len(wanted)))
        if ranks.size > 1:
            order.sort(key=lambda number: -len(wanted[number].frames))
        waiting: dict[int, list[_Packed]] = {}
        scored = 0
        for number, found in zip(order, sharing.each([wanted[number] for number in order], tracked), strict=True):
            waiting[number] = found
            while scored in waiting:
                for frame in waiting.pop(scored):
                    truth = wanted[scored].truth[_stem(frame.path)]
                    _add(scores, wanted[scored].name, [(frame.path, frame.labels())], [truth])
                scored += 1
    return scores.video()


def davis_scores(
    results: PathLike,
    path: PathLike,
    *,
    sequences: Sequence[str] | PathLike | None = None,
    resolution: str | None = None,
    void: Void | None = None,
    all_frames: bool | None = None,
    progress: bool = True,
) -> VideoScores:
    """Score masks from anywhere by DAVIS' truth: J and F.

    Args:
        results: of the folder with a folder for each sequence, and in it a mask for each frame that counts, under the
            frame's name: PNG with a palette or grey, or another file that `read_labels` reads.
        path: as in `davis`; frames are not looked at.
        sequences: as in `davis`.
        resolution: as in `davis`.
        void: as in `video_scores`.
        all_frames: as in `video_scores`.
        progress: whether a bar is shown.

    Raises:
        OSError: a mask is missing, the truth's or the prediction's; it is named.
        ValueError: a file is damaged or has another size than its truth, or a name is no sequence.

    Examples:
        >>> lm.evaluate.davis_scores("DAVIS/Annotations/480p", "DAVIS", progress=False).mean
        1.0

    """
    wanted = _sequences(_arrays.path(path), sequences, resolution, has_frames=False)
    scores = Scoring("davis", void=void, all_frames=all_frames)
    folder = _arrays.path(results)
    # What is missing is said before the first mask is read.
    predicted = {sequence.name: _predicted(folder, sequence, all_frames or False) for sequence in wanted}
    with bar(sum(len(sequence.truth) for sequence in wanted), "scoring", "frame", is_shown=progress) as shown:
        for sequence in wanted:
            truths = list(sequence.truth.values())
            for first in range(0, len(truths), FRAMES):
                part = truths[first : first + FRAMES]
                files = predicted[sequence.name][first : first + FRAMES]
                # What does not count may be missing; its place is taken by the truth.
                maps = [(file or truth, read_labels(file or truth)) for file, truth in zip(files, part, strict=True)]
                _add(scores, sequence.name, maps, part)
                shown.update(len(part))
    return scores.video()


@dataclass(frozen=True)
class _Sequence:
    """The files of a sequence: frames in order, and masks by the frame's name without its ending."""

    name: str
    frames: list[str]
    truth: dict[str, str]


class _Packed(NamedTuple):
    """The labels of a frame, as small as they travel and wait."""

    path: str
    shape: tuple[int, ...]
    content: bytes

    def labels(self) -> IntArray:
        return np.frombuffer(zlib.decompress(self.content), np.int32).reshape(self.shape)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _sequences(
    path: str, names: Sequence[str] | PathLike | None, resolution: str | None, *, has_frames: bool
) -> list[_Sequence]:
    masks = _resolution(os.path.join(path, "Annotations"), resolution)
    there = [name for name in _entries(masks) if os.path.isdir(os.path.join(masks, name))]
    found = []
    for name in _names(path, names, there):
        if name not in there:
            raise ValueError(f"sequences: {_arrays.shown(masks)} holds no '{name}'{nearest([name], there)}")
        truth = {_stem(file): os.path.join(masks, name, file) for file in _entries(os.path.join(masks, name))}
        frames: list[str] = []
        if has_frames:
            folder = os.path.join(path, "JPEGImages", os.path.basename(masks), name)
            frames = [os.path.join(folder, file) for file in _entries(folder)]
            if lost := truth.keys() - {_stem(frame) for frame in frames}:
                raise FileNotFoundError(
                    f"{os.path.join(folder, min(lost))}.*: there is no such frame, and it has a mask"
                )
            # What comes before the first mask cannot be tracked.
            frames = [frame for frame in frames if _stem(frame) >= min(truth, default="")]
        found.append(_Sequence(name, frames, truth))
    return found


def _entries(folder: str) -> list[str]:
    """Names in a folder, hidden ones left out. Raises OSError."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _resolution(folder: str, wanted: str | None) -> str:
    there = _entries(folder)
    chosen = wanted or ("480p" if "480p" in there or len(there) != 1 else there[0])
    if chosen not in there:
        raise FileNotFoundError(f"{os.path.join(folder, chosen)}: there is no such folder; resolutions are {there}")
    return os.path.join(folder, chosen)


def _names(path: str, wanted: Sequence[str] | PathLike | None, there: list[str]) -> list[str]:
    if wanted is None:
        usual = os.path.join(path, "ImageSets", "2017", "val.txt")
        if not os.path.isfile(usual):
            return there
        wanted = usual
    if not isinstance(wanted, str | os.PathLike):
        return list(wanted)
    with open(_arrays.path(wanted), encoding="utf-8", errors="surrogateescape") as file:
        return [line.strip() for line in file if line.strip()]


def _predicted(results: str, sequence: _Sequence, all_frames: bool) -> list[str | None]:
    """The file of each mask; None where there is none and none is wanted. Raises FileNotFoundError."""
    folder = os.path.join(results, sequence.name)
    there = set(_entries(folder)) if os.path.isdir(folder) else set()
    files: list[str | None] = []
    for place, stem in enumerate(sequence.truth):
        names = [stem + ending for ending in MASK_ENDINGS if stem + ending in there]
        counts = all_frames or 0 < place < len(sequence.truth) - 1
        if not names and counts:
            wanted = os.path.join(folder, stem + MASK_ENDINGS[0])
            raise FileNotFoundError(f"{wanted}: there is no such mask; wanted one for each frame that counts")
        files.append(os.path.join(folder, names[0]) if names and counts else None)
    return files


def _add(scores: Scoring, name: str, predicted: list[tuple[str, IntArray]], truth: list[str]) -> None:
    """The next frames of a sequence: what was predicted, with the file or frame that it comes from."""
    wanted = [read_labels(path) for path in truth]
    for (path, found), mask in zip(predicted, wanted, strict=True):
        if found.shape != mask.shape:
            raise ValueError(
                f"{_arrays.shown(path)}: the mask is {found.shape[0]}×{found.shape[1]}, wanted "
                f"{mask.shape[0]}×{mask.shape[1]} as the truth"
            )
    if len({mask.shape for mask in wanted}) > 1:
        raise ValueError(f"{_arrays.shown(truth[0])} and those after it: masks have different sizes, wanted one")
    scores.add(name, np.stack([found for _, found in predicted]), np.stack(wanted))


def _tracked(encoder: Encoder, sequence: _Sequence, preset: Preset, options: dict[str, Any]) -> Iterator[IntArray]:
    """Labels of each frame, the first mask's own included."""
    first = next(iter(sequence.truth.values()))
    for labels in track_each(encoder, sequence.frames, first, preset=preset, **options):
        yield np.ascontiguousarray(labels, np.int32)


def _write(folder: str, frame: str, labels: IntArray) -> None:
    os.makedirs(folder, exist_ok=True)
    write_labels(os.path.join(folder, _stem(frame) + ".png"), labels)
