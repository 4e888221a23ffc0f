"""Tracked masks: strips, GIF and MP4, read again by Pillow and PyAV."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import latentmim as lm
from latentmim.plot import label_colours
from latentmim.plot.label_colours import object_colours

# Smooth, as half of the colours' resolution is lost in a video; each frame another.
ENDS = [([25 * i, 200, 90], [250, 40 + 25 * i, 120]) for i in range(7)]
FRAMES = np.stack([np.linspace(top, low, 31)[:, None] + np.zeros((45, 1)) for top, low in ENDS]).astype(np.uint8)
LABELS = np.zeros((7, 31, 45), np.int32)
LABELS[:, 4:12, 5:20] = 1
LABELS[3:, 16:28, 22:40] = 2
LABELS[:, 28:, :4] = 255


def test_a_strip_shows_frames_evenly_spaced() -> None:
    axes = lm.plot.tracks(FRAMES, LABELS, 3, opacity=0.5)
    assert [one.get_title() for one in axes] == ["frame 0", "frame 3", "frame 6"]
    shades = label_colours.colours(2)
    for one, number in zip(axes, (0, 3, 6), strict=True):
        assert np.array_equal(one.images[0].get_array(), FRAMES[number])
        shown = one.images[1].get_array()
        assert (shown[LABELS[number] == 0][:, 3] == 0).all(), "the background is clear"
        for label in (1, 2):
            assert (shown[LABELS[number] == label] == [*shades[label - 1], 0.5]).all()
        unknown = shown[LABELS[number] == 255]
        assert (unknown[:, :3].std(axis=1) == 0).all() and (unknown[:, 3] == 0.5).all()
    assert lm.plot.tracks(FRAMES, LABELS, 20).shape == (7,)
    assert lm.plot.tracks(FRAMES, LABELS > 0, 1).shape == (1,)


def test_frames_and_labels_come_from_anything(tmp_path: Path) -> None:
    """A folder, a generator; what holds `.labels`; labels one by one."""
    for number, frame in enumerate(FRAMES):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")

    class Tracks:
        labels = LABELS

    wanted = [one.images[0].get_array() for one in lm.plot.tracks(FRAMES, LABELS)]
    for frames, labels in [(tmp_path, Tracks()), ((frame for frame in FRAMES), iter(LABELS)), (list(FRAMES), LABELS)]:
        drawn = [one.images[0].get_array() for one in lm.plot.tracks(frames, labels)]
        assert all(np.array_equal(one, other) for one, other in zip(drawn, wanted, strict=True))


def painted(number: int) -> np.ndarray:
    """What a frame should look like away from the edges, in plain NumPy."""
    shades = object_colours(255)[LABELS[number]]
    return FRAMES[number] * (1 - 0.55 * shades[..., 3:]) + 255 * 0.55 * shades[..., 3:] * shades[..., :3]


def away_from_edges(labels: np.ndarray, reach: int) -> np.ndarray:
    inside = np.ones(labels.shape, bool)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            inside &= np.roll(labels, (down, right), (0, 1)) == labels
    return inside


def test_gif(tmp_path: Path) -> None:
    """Each frame with the colours of its objects, those too that appear later; edges white."""
    lm.plot.save_tracks(tmp_path / "clip.GIF", FRAMES, LABELS, frames_per_second=12.5)
    with Image.open(tmp_path / "clip.GIF") as file:
        assert (file.format, file.n_frames, file.size) == ("GIF", 7, (45, 31))
        for number in range(7):
            file.seek(number)
            assert file.info["duration"] == 80 and file.info["loop"] == 0
            shown = np.asarray(file.convert("RGB")).astype(float)
            inside = away_from_edges(LABELS[number], 1)
            assert np.abs(shown - painted(number))[inside].mean() < 4
            assert (shown[4, 5:20] > 240).all()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.GIF"]


def test_mp4(tmp_path: Path) -> None:
    """H.264 that browsers show, of every frame; an odd side is a pixel larger; the matrix is said."""
    lm.plot.save_tracks(tmp_path / "clip.mp4", iter(FRAMES), iter(LABELS), frames_per_second=12.5)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (container.format.name, context.name, context.pix_fmt) == ("mov,mp4,m4a,3gp,3g2,mj2", "h264", "yuv420p")
        assert (context.width, context.height, stream.average_rate) == (46, 32, 12.5)
        assert (context.colorspace, context.color_range) == (1, 1)
        shown = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(stream)]
    assert len(shown) == 7
    for number in range(7):
        inside = away_from_edges(LABELS[number], 3)
        assert np.abs(shown[number][:31, :45] - painted(number))[inside].mean() < 4


def test_white_stays_white(tmp_path: Path) -> None:
    lm.plot.save_tracks(tmp_path / "white.mp4", np.full((2, 32, 32, 3), 255, np.uint8), np.zeros((2, 32, 32), int))
    with av.open(str(tmp_path / "white.mp4")) as container:
        assert next(container.decode(video=0)).to_ndarray(format="rgb24").min() >= 254


def test_width(tmp_path: Path) -> None:
    lm.plot.save_tracks(tmp_path / "small.gif", FRAMES, LABELS, width=20)
    with Image.open(tmp_path / "small.gif") as file:
        assert file.size == (20, 14)
        mean = np.asarray(file.convert("RGB")).mean(axis=(0, 1))
        assert np.abs(mean - painted(0).mean(axis=(0, 1))).max() < 12
    with pytest.raises(ValueError, match="save_tracks: width is 0, wanted at least 1"):
        lm.plot.save_tracks(tmp_path / "small.gif", FRAMES, LABELS, width=0)


@pytest.mark.parametrize("name", ["clip.avi", "clip", "clip.mp4.png", ".gif"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"save_tracks: path is '.*', wanted an ending of .gif or .mp4"):
        lm.plot.save_tracks(tmp_path / name, FRAMES, LABELS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "module", "extra"), [("mp4", "av", "video"), ("gif", "PIL", "data")])
def test_without_what_writes_it_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str, extra: str
) -> None:
    """No file of another kind under that name, and nothing is computed in vain."""
    monkeypatch.setitem(sys.modules, module, None)
    frames = iter(FRAMES)
    with pytest.raises(ImportError, match=rf"writing \.{ending} needs .*pip install 'latentmim\[{extra}\]'"):
        lm.plot.save_tracks(tmp_path / f"clip.{ending}", frames, LABELS)
    assert len(list(frames)) == 7 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_what_breaks_off_leaves_no_half_of_a_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip.{ending}"
    path.write_text("what was there")
    with pytest.raises(ValueError, match=r"save_tracks: there are 5 labels and more frames, wanted as many"):
        lm.plot.save_tracks(path, FRAMES, LABELS[:5])
    assert path.read_text() == "what was there" and len(list(tmp_path.iterdir())) == 1


def test_what_does_not_fit_is_refused() -> None:
    for frames, labels, match in [
        (FRAMES[:5], LABELS, r"tracks: there are 5 frames and more labels"),
        (FRAMES, LABELS[:, :30], r"tracks: labels\[0\] have shape \[30, 45\], wanted \[31, 45\]"),
        ([*FRAMES[:2], FRAMES[2, :30], *FRAMES[3:]], LABELS, r"frame 2 has shape \[30, 45, 3\], wanted \[31, 45, 3\]"),
        (FRAMES[:0], LABELS[:0], r"there are n"),
    ]:
        with pytest.raises(ValueError, match=match):
            lm.plot.tracks(frames, labels)
    with pytest.raises(ValueError, match="tracks: count is 0, wanted at least 1"):
        lm.plot.tracks(FRAMES, LABELS, 0)
    with pytest.raises(ValueError, match="save_tracks: frames_per_second is 0, wanted more than 0, at most 100"):
        lm.plot.save_tracks("clip.gif", FRAMES, LABELS, frames_per_second=0)
