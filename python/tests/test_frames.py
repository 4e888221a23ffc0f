"""Clips: folders, arrays, generators and video files give the frames that they hold, in order, or say what is wrong."""

import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import latentmim as lm

COLOURS = ((255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (250, 120, 10))
# Kr and Kb of ITU-R BT.709, BT.601 and BT.2020, and how files number them (ITU-T H.273).
MATRICES = {"BT.709": (0.2126, 0.0722, 1), "BT.601": (0.299, 0.114, 5), "BT.2020": (0.2627, 0.0593, 9)}


def levels(colour: tuple[int, ...], red: float, blue: float, bits: int, is_full: bool) -> list[int]:
    """Y, Cb and Cr of a colour as H.273 defines them."""
    r, g, b = (value / 255 for value in colour)
    luma = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - luma) / (2 * (1 - blue)), (r - luma) / (2 * (1 - red))
    if is_full:
        most = 2**bits - 1
        return [round(luma * most)] + [min(most, round(part * most) + 2 ** (bits - 1)) for part in (cb, cr)]
    return [round(2 ** (bits - 8) * value) for value in (16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr)]


def write_colours(path: Path, layout: str, matrix: str, is_full: bool) -> None:
    """A lossless video of `COLOURS`, a frame each."""
    red, blue, number = MATRICES[matrix]
    bits = 10 if "10" in layout else 8
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = layout
        stream.codec_context.color_range, stream.codec_context.colorspace = (2 if is_full else 1), number
        for index, colour in enumerate(COLOURS):
            frame = av.VideoFrame(64, 64, layout)
            frame.color_range, frame.colorspace, frame.pts = (2 if is_full else 1), number, index
            for plane, level in zip(frame.planes, levels(colour, red, blue, bits, is_full), strict=True):
                kind = np.uint8 if bits == 8 else np.uint16
                plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, level, kind).tobytes())
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("layout", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_colours_are_what_the_file_says(tmp_path: Path, layout: str, matrix: str, is_full: bool) -> None:
    write_colours(tmp_path / "colours.mkv", layout, matrix, is_full)
    shown = [frame[32, 32].astype(int) for frame in lm.data.frames(tmp_path / "colours.mkv")]
    np.testing.assert_allclose(shown, COLOURS, atol=1)


def write(path: Path, pictures: list[NDArray[np.uint8]], times: list[int] | None = None, **options: str) -> Path:
    """A video of 100 ticks a second, frames at these ticks."""
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.codec_context.time_base = Fraction(1, 100)
        for time, picture in zip(times or range(0, 4 * len(pictures), 4), pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def grey(level: int, height: int = 32, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_every_stored_frame_comes_once(tmp_path: Path, ending: str) -> None:
    brightness = [40, 75, 110, 145, 180, 215]
    times = [0, 10, 20, 100, 110, 200]
    path = write(tmp_path / f"pauses.{ending}", [grey(level) for level in brightness], times)
    clip = lm.data.frames(path)
    for _ in range(2):
        found = [int(frame[16, 32, 0]) for frame in clip]
        assert len(found) == 6 and np.abs(np.subtract(found, brightness)).max() <= 1
    assert clip.count == {"mkv": None, "mp4": 6}.get(ending, clip.count)  # AVI counts pauses
    assert clip.name(3) == f"{path}, frame 3" and clip.stem(3) == "00003"


# What a display matrix [[a, b], [c, d]] of ISO/IEC 14496-12 does: x' = a·x + c·y, y' = b·x + d·y.
TURNS = {
    (1, 0, 0, 1): lambda image: image,
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda image: image[::-1, ::-1].transpose(1, 0, 2),
}


def turn(path: Path, matrix: tuple[float, ...]) -> None:
    """Write a matrix into the track header of an MP4 file."""
    content = bytearray(path.read_bytes())
    start = content.find(b"tkhd") + 44
    a, b, c, d = (round(part * 65536) for part in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


@pytest.mark.parametrize("matrix", TURNS)
def test_turned_and_mirrored_videos_stand_upright(tmp_path: Path, matrix: tuple[int, ...]) -> None:
    picture = grey(0)
    picture[:16, :32], picture[:16, 32:], picture[16:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    turn(path := write(tmp_path / "phone.mp4", [picture]), matrix)
    (frame,) = lm.data.frames(path)
    expected = TURNS[matrix](picture)
    assert frame.shape == expected.shape
    np.testing.assert_allclose(frame.astype(int), expected, atol=3)


def test_other_turns_are_refused(tmp_path: Path) -> None:
    turn(path := write(tmp_path / "odd.mp4", [grey(9)]), (0.8, 0.6, -0.6, 0.8))
    with pytest.raises(ValueError, match=r"odd\.mp4, frame 0: is turned by no multiple of 90"):
        list(lm.data.frames(path))


def noise(count: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (64, 128, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize(
    ("ending", "options", "message"),
    [
        ("mp4", {"movflags": "faststart"}, r"breaks off after \d+ frames|frame \d+: "),
        ("avi", {}, r"frame \d+: is damaged, or the file is cut off"),
    ],
)
def test_a_video_that_breaks_off(tmp_path: Path, ending: str, options: dict[str, str], message: str) -> None:
    path = write(tmp_path / f"cut.{ending}", noise(20), **options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    seen = 0
    with pytest.raises(ValueError, match=message):
        for _ in lm.data.frames(path):
            seen += 1
    assert 8 <= seen < 14


def test_a_video_that_may_be_cut_off_is_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.mkv", noise(30))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    with pytest.warns(UserWarning, match=r"said to last 1\.20 s, its \d+ frames end at 0\.\d+ s"):
        list(lm.data.frames(path))


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lm.data.frames(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"text\.mp4: is no video that can be read"):
        lm.data.frames(tmp_path / "text.mp4")
    with pytest.raises(ValueError, match="3 channels, 1 were asked for"):
        lm.data.frames(write(tmp_path / "grey.mp4", [grey(9)]), channels=1)


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(ImportError, match=r"pip install 'latentmim\[video\]'"):
        lm.data.frames(tmp_path / "clip.mp4")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        lm.data.frames(tmp_path / "nowhere.mp4")


def test_a_folder_counts_as_people_do(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1):
        Image.fromarray(grey(number)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("no image")
    clip = lm.data.frames(tmp_path)
    assert [int(frame[0, 0, 0]) for frame in clip] == [1, 9, 10, 100] and clip.count == 4
    assert clip.name(2) == str(tmp_path / "frame10.png") and clip.stem(2) == "frame10"
    assert all(frame.dtype == np.uint8 for frame in clip)
    deep = np.full((4, 5), 300, np.uint16)
    Image.fromarray(deep).save(tmp_path / "frame200.png")
    *_, last = lm.data.frames(tmp_path)
    assert last.dtype == np.float32 and last[0, 0, 0] == np.float32(300 / 65535)
    (tmp_path / "frame9.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(ValueError, match=r"frame9\.png"):
        list(lm.data.frames(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no image files of"):
        lm.data.frames(tmp_path / "empty")


def test_arrays_lists_and_generators(tmp_path: Path) -> None:
    video = np.stack(noise(3))
    np.save(tmp_path / "clip.npy", video)
    Image.fromarray(video[1]).save(tmp_path / "one.png")
    for source in (video, list(video), tmp_path / "clip.npy", lm.Arrays(video)):
        clip = lm.data.frames(source)
        assert clip.count == 3
        for frame, expected in zip(clip, video, strict=True):
            np.testing.assert_allclose(frame / (1 if frame.dtype == np.uint8 else 1 / 255), expected, atol=1e-4)
    mixed = lm.data.frames([video[0], tmp_path / "one.png"])
    np.testing.assert_array_equal(np.stack(list(mixed)), video[:2])

    asked = []

    def camera() -> Any:
        for index in range(3):
            asked.append(index)
            yield video[index]

    clip = lm.data.frames(camera())
    assert clip.count is None
    for index, _ in enumerate(clip):
        assert asked == list(range(index + 1))
    assert lm.data.frames(clip) is clip


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ([], ValueError, "there are none"),
        (3, TypeError, "is a int"),
        (np.float32(3), TypeError, "is a float32"),
        ([grey(1), grey(2)[..., 0]], ValueError, r"frame 1: shape is \[32, 64\]"),
        ([grey(1), grey(2)[..., :2]], ValueError, r"frame 1: shape is \[32, 64, 2\]"),
        ([grey(1).astype(int)], TypeError, "frame 0: dtype is int64"),
    ],
)
def test_what_no_frames_are(source: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        list(lm.data.frames(source))
