"""Label propagation against a plain version of the protocols: full affinities, NumPy, double precision."""

import inspect
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from conftest import SMALL
from PIL import Image
from test_options import check_type, listed
from tracking_reference import PRESETS, Reference

import latentmim as lm
from latentmim import _latentmim as native
from latentmim.tracking import Preset, TrackingOptions

SIDE: dict[str, dict[str, Any]] = {
    "dino": {"side": 48, "multiple": 16},
    "videowalk": {"side": 48},
    "cropmae": {"size": (48, 88)},
    "dinov3": {"side": 60},
}


def clip(count: int, height: int = 60, width: int = 100, seed: int = 0) -> np.ndarray:
    """Uint8 frames in which two textured squares move over a textured ground; far from black and white."""
    rng = np.random.default_rng(seed)
    ground = rng.uniform(60, 200, (height + 40, width + 40, 3))
    squares = rng.uniform(60, 120, (24, 30, 3)), rng.uniform(140, 200, (20, 20, 3))
    frames = np.empty((count, height, width, 3))
    for index in range(count):
        frames[index] = ground[index : index + height, 2 * index : 2 * index + width]
        for (top, left), square in zip(
            [(8 + index, 10 + 3 * index), (34 - index, 70 - 2 * index)], squares, strict=True
        ):
            place = frames[index, top : top + len(square), left : left + square.shape[1]]
            place[:] = square[: len(place), : place.shape[1]]
    return np.rint(frames).astype(np.uint8)


def mask(height: int = 60, width: int = 100) -> np.ndarray:
    labels = np.zeros((height, width), np.int64)
    labels[8:32, 10:40] = 3
    labels[34:54, 70:90] = 1
    labels[:4] = 255
    return labels


@pytest.fixture(scope="module")
def encoder() -> lm.Encoder:
    return lm.LatentMIM(**SMALL, seed=1).encoder


def compare(found: np.ndarray, reference: Reference, frames: np.ndarray, labels: dict[int, np.ndarray]) -> None:
    """The labels are the reference's wherever its two largest maps are not as good as equal."""
    for index, frame in enumerate(frames):
        wanted, margin = reference.step(frame, labels.get(index))
        is_clear = margin > 1e-4
        assert is_clear.mean() > 0.95
        assert np.array_equal(found[index][is_clear], wanted[is_clear]), f"frame {index}"


@pytest.mark.parametrize("preset", get_args(Preset))
@pytest.mark.parametrize("is_upright", [False, True])
def test_presets_are_the_protocols(encoder: lm.Encoder, preset: Preset, is_upright: bool) -> None:
    frames, first = clip(10, 60, 101), mask(60, 101)
    if is_upright:
        frames, first = frames.swapaxes(1, 2), first.T
    found = lm.track(encoder, frames, first, preset, progress=False, **SIDE[preset])
    assert found.labels.dtype == np.uint8
    assert found.objects == (1, 3)
    assert np.array_equal(found.labels[0], np.where(first == 255, 0, first))
    assert set(np.unique(found.labels)) <= {0, 1, 3}
    compare(found.labels, Reference(encoder, preset, **SIDE[preset]), frames, {0: first})


@pytest.mark.parametrize(
    "numbers",
    [
        {"window": 0, "context": 0},
        {"window": 2, "context": 2, "k": 1, "keep_ties": False},
        {"window": 1.5, "window_shape": "circle", "k": 700},
        {"window": 2, "window_shape": "open_circle", "first_frame_window": False, "pad_context": True, "context": 3},
        {"upsample": "bilinear", "mask_sampling": "bilinear", "rescale": False, "temperature": 0.01},
        {"upsample": "nearest", "layer": 1, "norm": False, "interpolation": "bicubic"},
        {"size": (56, 32), "mean": (0.5, 0.4, 0.6), "std": (0.3, 0.4, 0.5)},
    ],
)
def test_every_number_counts(encoder: lm.Encoder, numbers: dict[str, Any]) -> None:
    frames, first = clip(6, seed=1), mask()
    given = SIDE["dino"] | numbers
    found = lm.track(encoder, frames, first, progress=False, **given)
    compare(found.labels, Reference(encoder, "dino", **given), frames, {0: first})


@pytest.mark.parametrize("preset", ["dino", "videowalk"])
def test_frames_that_stand_still_tie(encoder: lm.Encoder, preset: Preset) -> None:
    """All context frames are equal: their patches tie, and the tied ones vote together where the protocol says so."""
    frames, first = np.repeat(clip(1), 7, 0), mask()
    found = lm.track(encoder, frames, first, preset, progress=False, k=3, **SIDE[preset])
    compare(found.labels, Reference(encoder, preset, k=3, **SIDE[preset]), frames, {0: first})


def test_objects_that_appear_later(encoder: lm.Encoder) -> None:
    frames = clip(6)
    first = np.where(mask() == 3, 3, 0)
    later = np.zeros_like(first)
    later[30:50, 62:82] = 200
    later[0, :] = 255
    masks = {0: first, 3: later}
    for preset in get_args(Preset):
        found = lm.track(encoder, frames, masks, preset, progress=False, **SIDE[preset])
        assert found.objects == (3, 200)
        assert not (found.labels[:3] == 200).any()
        assert (found.labels[3][later == 200] == 200).all()
        compare(found.labels, Reference(encoder, preset, **SIDE[preset]), frames, masks)


def test_many_objects(encoder: lm.Encoder) -> None:
    """254 of them, one a column."""
    frames, first = clip(2, 48, 254), np.tile(np.arange(1, 255), (48, 1))
    found = lm.track(encoder, frames, first, progress=False, **SIDE["dino"])
    assert found.objects == tuple(range(1, 255))
    compare(found.labels, Reference(encoder, "dino", **SIDE["dino"]), frames, {0: first})


def test_threads_do_not_matter(encoder: lm.Encoder) -> None:
    frames, count, found = clip(5), lm.thread_count(), []
    try:
        for threads in (1, 2, 3):
            lm.set_thread_count(threads)
            found.append(lm.track(encoder, frames, mask(), progress=False, **SIDE["dino"]).labels)
    finally:
        lm.set_thread_count(count)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_kinds_of_frames_and_masks(encoder: lm.Encoder, tmp_path: Path) -> None:
    """Files, arrays, floats and generators give the same; a truth value is object 1."""
    frames, first = clip(4), mask() == 3
    wanted = lm.track(encoder, frames, first, progress=False, **SIDE["dino"])
    assert wanted.objects == (1,)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{index + 8}.png")
    assert np.array_equal(np.asarray(wanted), wanted.labels) and len(wanted) == 4
    of_files = lm.track(encoder, tmp_path, first, progress=False, **SIDE["dino"])
    assert of_files.names == ("8", "9", "10", "11")
    for clip_of in (of_files, lm.track(encoder, (frame for frame in frames), first, progress=False, **SIDE["dino"])):
        assert np.array_equal(clip_of.labels, wanted.labels)
    wanted.save(tmp_path / "masks" / "of clip")
    for name, labels in zip(wanted.names, wanted.labels, strict=True):
        assert np.array_equal(lm.data.read_labels(tmp_path / "masks" / "of clip" / f"{name}.png"), labels)
    # Black and white, as DAVIS 2016 has them.
    Image.fromarray(np.where(first, 255, 0).astype(np.uint8)).save(tmp_path / "mask.png")
    for same in (tmp_path / "mask.png", str(tmp_path / "mask.png"), np.where(first, 255, 0)):
        assert np.array_equal(lm.track(encoder, frames, same, progress=False, **SIDE["dino"]).labels, wanted.labels)
    (tmp_path / "mask.png").write_bytes(b"no mask")
    with pytest.raises(ValueError, match=r"mask\.png"):
        lm.track(encoder, frames, tmp_path / "mask.png", progress=False, **SIDE["dino"])
    floats = lm.track(encoder, frames.astype(np.float64) / 255, first, progress=False, **SIDE["dino"])
    assert (floats.labels == wanted.labels).mean() > 0.99


def test_results_come_before_the_next_frame_is_read(encoder: lm.Encoder) -> None:
    read: list[int] = []

    def camera() -> Iterator[np.ndarray]:
        for index, frame in enumerate(clip(4)):
            read.append(index)
            yield frame

    for index, labels in enumerate(lm.track_each(encoder, camera(), mask(), **SIDE["dino"])):
        assert labels.shape == (60, 100)
        assert read == list(range(index + 1))


def test_a_clip_that_breaks_off_loses_nothing(encoder: lm.Encoder, tmp_path: Path) -> None:
    frames = clip(5)
    whole = lm.track(encoder, frames, mask(), progress=False, **SIDE["dino"])

    def camera(error: BaseException) -> Iterator[np.ndarray]:
        yield from frames[:3]
        raise error

    for error in (OSError("the cable"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            lm.track(encoder, camera(error), mask(), progress=False, **SIDE["dino"])
        assert np.array_equal(caught.value.tracks.labels, whole.labels[:3])  # type: ignore[attr-defined]
        assert "3 frames were tracked" in caught.value.__notes__[0]
    for index, frame in enumerate([*frames[:3], frames[3, :50]]):
        Image.fromarray(frame).save(tmp_path / f"{index:05}.png")
    with pytest.raises(ValueError, match=r"00003\.png: is 50×100, wanted 60×100 like the first") as refused:
        lm.track(encoder, tmp_path, mask(), progress=False, **SIDE["dino"])
    assert np.array_equal(refused.value.tracks.labels, whole.labels[:3])  # type: ignore[attr-defined]


def test_what_is_refused_leaves_the_tracker_as_it_was(encoder: lm.Encoder) -> None:
    frames, first = clip(4), mask()
    tracker = lm.Tracker(encoder, **SIDE["dino"])
    assert (tracker.size, tracker.count, tracker.objects) == (None, 0, ())
    with pytest.raises(ValueError, match="no clip was begun"):
        tracker.add(frames[0])
    tracker.start(frames[0], first)
    with pytest.raises(ValueError, match="frame 0: its labels name no object"):
        tracker.start(frames[0], first * 0)
    assert tracker.size == (48, 80)
    found = [tracker.add(frames[1])]
    broken = frames[2].astype(np.float32) / 255
    broken[5, 6] = np.nan
    for frame, labels, message in [
        (broken, None, r"^frame 2: .*nan"),
        (frames[2].astype(np.float32), None, "^frame 2: "),
        (frames[2, :, :90], None, "^frame 2: is 60×90, wanted 60×100"),
        (frames[2, :, :, :1], None, "^frame 2: has 1 channels, the encoder wants 3"),
        (frames[2], first[:50], r"^frame 2: labels have shape \[50, 100\], wanted the frame's, \[60, 100\]"),
        (frames[2], first * 100, r"^frame 2: labels: holds 0 … 25500, wanted 0 … 255"),
        (frames[2], -first, r"^frame 2: labels: holds -255 … 0"),
        (frames[2], first * 0, "^frame 2: its labels name no object"),
        (frames[2:4], None, "^frame 2: shape is"),
        (frames[2, 0], None, "^frame 2: shape is"),
    ]:
        with pytest.raises(ValueError, match=message):
            tracker.add(frame, labels)
    with pytest.raises(TypeError, match="frame 2: labels: dtype is float64"):
        tracker.add(frames[2], first / 2)
    found += [tracker.add(frame) for frame in frames[2:]]
    assert tracker.count == 4
    whole = lm.track(encoder, frames, first, progress=False, **SIDE["dino"])
    assert np.array_equal(found, whole.labels[1:])


def test_clips_and_masks_that_do_not_go_together(encoder: lm.Encoder) -> None:
    frames = clip(3)
    for masks, message in [
        ({1: mask()}, "wanted one for frame 0"),
        ({0: mask(), 3: mask()}, "there is one for frame 3, the clip has 3"),
        ({0: mask(), -1: mask()}, "there is one for frame -1"),
        (mask()[:50], r"frames, frame 0: labels have shape \[50, 100\]"),
        (mask() * 0, "frames, frame 0: its labels name no object"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            lm.track(encoder, frames, masks, progress=False, **SIDE["dino"])
        assert not hasattr(caught.value, "tracks")
    with pytest.raises(ValueError, match="one for frame 3, the clip ended after 3 frames") as ended:
        lm.track(encoder, iter(frames), {0: mask(), 3: mask()}, progress=False, **SIDE["dino"])
    assert len(ended.value.tracks) == 3  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="there are no frames"):
        lm.track(encoder, iter([]), mask(), progress=False)
    with pytest.raises(TypeError, match=r"wanted `model\.encoder`"):
        lm.track(lm.LatentMIM(**SMALL), frames, mask(), progress=False)  # type: ignore[arg-type]


def test_options_are_the_cores() -> None:
    core = listed("tracking")
    types = get_type_hints(TrackingOptions)
    assert types.keys() == core.keys() - {"precision"}
    for option, annotation in types.items():
        check_type(option, annotation, core[option])
    documented = inspect.getdoc(TrackingOptions)
    assert documented is not None
    assert all(f"\n    {option}: " in documented for option in types)


@pytest.mark.parametrize("preset", get_args(Preset))
def test_presets_have_the_protocols_numbers(encoder: lm.Encoder, preset: Preset) -> None:
    found = json.loads(native.tracking_options(None, json.dumps({"preset": preset})))
    assert {name: found[name] for name in PRESETS[preset]} == PRESETS[preset]
    assert lm.Tracker(encoder, preset).options == found
    other = lm.LatentMIM(**SMALL, mean=(0.5,) * 3, std=(0.5,) * 3).encoder
    assert lm.Tracker(other, preset).options["std"] is None, "another normalisation stays the encoder's own"


def test_options_out_of_range(encoder: lm.Encoder) -> None:
    for options, message in [
        ({"k": 0}, r"^tracking: k is 0.*1 … 1000"),
        ({"temperature": 0.0}, "^tracking: temperature"),
        ({"window_shape": "round"}, "^tracking: window_shape is 'round', wanted one of 'square'"),
        ({"preset": "dinov2"}, "^preset is 'dinov2', wanted one of 'dino', 'videowalk'"),
        ({"layer": 3}, "^tracking: layer is 3, wanted 0 … 2"),
        ({"std": (0.5,)}, "^tracking: std holds 1 numbers, wanted one for each of 3 channels"),
        ({"windows": 3}, "^track: unknown option 'windows'; did you mean 'window'"),
        ({"size": (0, 4)}, "^tracking: size"),
    ]:
        with pytest.raises(ValueError, match=message):
            lm.Tracker(encoder, **options)  # type: ignore[arg-type]


def test_a_tracker_is_held_against_other_threads(encoder: lm.Encoder) -> None:
    tracker, frames = lm.Tracker(encoder, **SIDE["dino"]), clip(2)
    tracker.start(frames[0], mask())
    threads = [threading.Thread(target=lambda: [tracker.add(frames[1]) for _ in range(10)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.count == 31
