"""The frames of a clip, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Frames"]


class Frames:
    """The frames of a clip: `for frame in frames` gives [H, W, C] each, uint8, or float in 0 … 1.

    A frame is read when it is asked for, so that a clip may be longer than memory holds.

    Attributes:
        source: what they come from, for messages.
        count: how many there are, of a video as its file says, which may count pauses; None where nothing says it.

    Examples:
        >>> [frame.mean() > 0 for frame in lm.data.frames("clip")].count(True)
        6

    """

    source: str = "frames"
    count: int | None = None

    def __iter__(self) -> Iterator[NDArray[Any]]:
        raise NotImplementedError

    def name(self, index: int) -> str:
        """What messages and written files call a frame, numbered from 0.

        Examples:
            >>> lm.data.frames("clip").name(3), lm.data.frames(np.zeros((2, 8, 8, 3))).name(1)
            ('clip/00003.png', 'frames, frame 1')

        """
        return f"{self.source}, frame {index}"

    def stem(self, index: int) -> str:
        """The name of a file that belongs to a frame, without ending: that of the frame's own file, or its number.

        Examples:
            >>> lm.data.frames("clip").stem(3), lm.data.frames(np.zeros((2, 8, 8, 3))).stem(1)
            ('00003', '00001')

        """
        return f"{index:05d}"
