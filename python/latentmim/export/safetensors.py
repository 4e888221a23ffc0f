"""Arrays in a safetensors file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latentmim._arrays import FloatArray, PathLike

__all__ = ["save"]


def save(path: PathLike, arrays: Mapping[str, FloatArray], metadata: Mapping[str, str]) -> None:
    """Write float32 arrays as their indices say, however they lie in memory.

    Args:
        path: of the file.
        arrays: by name.
        metadata: text by name.

    Raises:
        OSError: it cannot be written.

    Examples:
        >>> from latentmim.export.safetensors import save
        >>> from latentmim.weights_tree import tensors
        >>> save("a.safetensors", {"a": np.ones((2, 3), np.float32)}, {"made by": "hand"})
        >>> tensors("a.safetensors")
        {'a': ('F32', (2, 3))}

    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, values in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [end, end + 4 * values.size]}
        end += 4 * values.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in arrays.values():
            # The memory of a transposed or sliced array is in another order than its numbers.
            file.write(np.ascontiguousarray(values, "<f4").data)
