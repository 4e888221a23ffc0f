"""Files of moving pictures: GIF by Pillow, MP4 by PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["WRITERS"]

# FFmpeg's numbers of the matrix, primaries and transfer of BT.709, and of its range 16 … 235.
BT709, LIMITED = 1, 1


def _gif() -> Callable[[str, Iterator[NDArray[np.uint8]], float], None]:
    """What writes pictures [H, W, 3] as a GIF that repeats. Raises ImportError."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("writing .gif needs Pillow: pip install 'latentmim[data]'") from error

    def write(path: str, pictures: Iterator[NDArray[np.uint8]], frames_per_second: float) -> None:
        # A palette for each: objects that appear later have colours of their own.
        quantized = (Image.fromarray(one).quantize(256, dither=Image.Dither.NONE) for one in pictures)
        duration = 10 * max(1, round(100 / frames_per_second))
        next(quantized).save(path, format="GIF", save_all=True, append_images=quantized, duration=duration, loop=0)

    return write


def _mp4() -> Callable[[str, Iterator[NDArray[np.uint8]], float], None]:
    """What writes pictures [H, W, 3] as H.264 in MP4. Raises ImportError."""
    try:
        import av
    except ImportError as error:
        raise ImportError("writing .mp4 needs PyAV: pip install 'latentmim[video]'") from error

    def write(path: str, pictures: Iterator[NDArray[np.uint8]], frames_per_second: float) -> None:
        with av.open(path, "w", format="mp4") as container:
            stream: Any = None
            for number, one in enumerate(pictures):
                even = np.pad(one, ((0, one.shape[0] % 2), (0, one.shape[1] % 2), (0, 0)), "edge")
                if stream is None:
                    stream = container.add_stream("libx264", rate=Fraction(frames_per_second).limit_denominator(1000))
                    stream.height, stream.width = even.shape[:2]
                    stream.pix_fmt = "yuv420p"  # the one that browsers show
                    stream.options = {"crf": "20"}
                    # Said, because players guess otherwise.
                    stream.codec_context.color_range, stream.codec_context.colorspace = LIMITED, BT709
                    stream.codec_context.color_primaries = stream.codec_context.color_trc = BT709
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED)
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write


WRITERS = {".gif": _gif, ".mp4": _mp4}
