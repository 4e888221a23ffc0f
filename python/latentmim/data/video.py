"""The frames of a video file, by PyAV."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim._warnings import warn
from latentmim.data.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["VideoFrames", "require_av"]


def require_av() -> Any:
    """PyAV. Raises ImportError naming the extra that has it.

    Examples:
        >>> from latentmim.data.video import require_av
        >>> require_av().__name__
        'av'

    """
    try:
        import av
    except ImportError as error:
        raise ImportError("video files need PyAV: pip install 'latentmim[video]'") from error
    return av


class VideoFrames(Frames):
    """The frames of a video file, [H, W, 3] uint8, as the file shows them: every one once, whatever its time.

    Colours follow the matrix and range that the file names; BT.601 and limited range where it names none.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no video; `channels` is not 3. While frames are read: one is damaged, or the file is cut off.
        ImportError: PyAV is not installed.

    Examples:
        >>> import av
        >>> from latentmim.data.video import VideoFrames
        >>> lm.plot.save_tracks("clip.mp4", "clip", np.zeros((6, 64, 64), np.uint8))
        >>> VideoFrames("clip.mp4").count
        6

    """

    def __init__(self, path: str, channels: int = 3) -> None:
        self._path, self.source = path, _arrays.shown(path)
        if channels != 3:
            raise ValueError(f"{self.source}: the frames of a video have 3 channels, {channels} were asked for")
        with self._opened() as file:
            self.count = file.streams.video[0].frames or None

    def __iter__(self) -> Iterator[NDArray[Any]]:
        av = require_av()
        scaling = av.video.reformatter.Interpolation
        # Without these flags white of 10-bit video is 253, and reds are two levels off.
        exactly = scaling.BILINEAR | scaling.ACCURATE_RND | scaling.FULL_CHR_H_INT
        index, end = 0, 0.0
        with self._opened() as file:
            stream = file.streams.video[0]
            stream.thread_type = "AUTO"
            decoded = file.decode(stream)
            while True:
                try:
                    frame = next(decoded, None)
                except av.error.FFmpegError as error:
                    raise ValueError(f"{self.name(index)}: cannot be decoded ({error.strerror})") from error
                if frame is None:
                    break
                if frame.is_corrupt:
                    raise ValueError(f"{self.name(index)}: is damaged, or the file is cut off")
                yield self._upright(frame, frame.to_ndarray(format="rgb24", interpolation=exactly), index)
                index, end = index + 1, max(end, (frame.time or 0.0) + float((frame.duration or 0) * stream.time_base))
            self._check_end(file, stream, index, end)

    def _opened(self) -> Any:
        with open(self._path, "rb"):  # Python's own error, with the path
            pass
        av = require_av()
        try:
            file = av.open(self._path)
        except av.error.FFmpegError as error:
            raise ValueError(f"{self.source}: is no video that can be read ({error.strerror})") from error
        if not file.streams.video:
            file.close()
            raise ValueError(f"{self.source}: holds no video")
        return file

    def _upright(self, frame: Any, pixels: NDArray[Any], index: int) -> NDArray[Any]:
        """A frame turned and mirrored by its display matrix, of which `frame.rotation` knows no mirroring."""
        data = next((part for part in frame.side_data if part.type.name == "DISPLAYMATRIX"), None)
        if data is None:
            return pixels
        across, down, _, along, beside = np.frombuffer(bytes(data), np.int32)[:5]
        if (across or beside) and (down or along):
            raise ValueError(f"{self.name(index)}: is turned by no multiple of 90 degrees")
        if not across:
            pixels, across, beside = pixels.transpose(1, 0, 2), along, down
        return np.ascontiguousarray(pixels[:: -1 if beside < 0 else 1, :: -1 if across < 0 else 1])

    def _check_end(self, file: Any, stream: Any, count: int, end: float) -> None:
        """Refuse a file that stops before it says, and warn where that is likely."""
        size = os.path.getsize(self._path)
        stated = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
        if stated > size:
            raise ValueError(f"{self.source}: breaks off after {count} frames: has {size} bytes of {stated} at least")
        # The number of frames stated proves nothing: AVI counts pauses, and edit lists of MP4 leave frames out.
        length = (file.duration or 0) / 1e6
        if len(file.streams) == 1 and not stream.frames and length > end + 0.5:
            said = f"is said to last {length:.2f} s, its {count} frames end at {end:.2f} s"
            warn(f"{self.source}: {said}; it may be cut off")
