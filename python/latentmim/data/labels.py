"""Labels as the core takes them: numbers, and the names of their classes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["numbered", "zero_ended"]


def numbered(
    labels: Sequence[str] | ArrayLike | None, classes: Sequence[str] | None
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Labels as numbers, and the names of their classes.

    Examples:
        >>> from latentmim.data.labels import numbered
        >>> numbered(["cat", "dog", "cat"], None)
        (array([0, 1, 0]), ['cat', 'dog'])

    """
    names = [] if classes is None else list(classes)
    if len(set(names)) < len(names):
        raise ValueError("classes: a name stands there twice, wanted different names")
    if labels is None:
        return None, names
    given: Any = labels if isinstance(labels, np.ndarray) else list(labels)  # type: ignore[arg-type]
    if not any(isinstance(label, str) for label in given):
        return _arrays.integers(given, "labels"), names
    if stray := [label for label in given if not isinstance(label, str)]:
        raise TypeError(f"labels: holds {stray[0]!r} among names, wanted all names or all whole numbers")
    texts = [str(label) for label in given]
    names = names or sorted(set(texts), key=os.fsencode)
    places = {name: number for number, name in enumerate(names)}
    for index, label in enumerate(texts):
        if label not in places:
            raise ValueError(f"labels: image {index} has label '{label}', which is not among the {len(names)} classes")
    return np.array([places[label] for label in texts], np.int64), names


def zero_ended(texts: list[str], name: str) -> bytes:
    """Texts in the bytes of the system, a zero behind each. Raises ValueError.

    Examples:
        >>> from latentmim.data.labels import zero_ended
        >>> zero_ended(["cat", "dog"], "classes") == b"cat" + bytes(1) + b"dog" + bytes(1)
        True

    """
    encoded = [os.fsencode(text) for text in texts]
    for index, text in enumerate(encoded):
        if b"\0" in text:
            raise ValueError(f"{name}: entry {index} holds a zero byte, which no name has")
    return b"".join(text + b"\0" for text in encoded)
