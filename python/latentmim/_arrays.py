"""What users hand in becomes what the core takes: dense arrays of the right type. Values are not touched otherwise."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentmim import _latentmim as _native
from latentmim._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int32]
PathLike: TypeAlias = "str | os.PathLike[str]"


def path(given: PathLike) -> str:
    """A path as text, `~` and `~user` replaced; bytes that are no UTF-8 stay what they are (`os.fsdecode`)."""
    return os.path.expanduser(os.fsdecode(given))


def shown(path: str) -> str:
    """A path for messages: bytes that are no UTF-8 stand as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def array(values: Any, name: str) -> NDArray[Any]:
    """What has values on the CPU (NumPy, PyTorch, JAX, anything with `__array__` or `__dlpack__`), where they lie.

    Values of a tensor that collects gradients are taken; no gradient flows back.
    """
    if getattr(values, "requires_grad", False):
        values = values.detach()
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            return np.from_dlpack(values)
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: make no single array, their shapes may differ ({error})") from None
    except (TypeError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name}: a {type(values).__name__} that is no array on the CPU for NumPy ({error})") from None


def pixels(images: ArrayLike, name: str = "images") -> NDArray[Any]:
    """Uint8, uint16 or float32, contiguous, any shape; other floats are converted, anything else is a TypeError."""
    given = array(images, name)
    if given.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(given, given.dtype.newbyteorder("="))
    if given.dtype.kind != "f":
        raise TypeError(f"{name}: dtype is {given.dtype}, wanted uint8 (0 … 255), uint16 (0 … 65535) or float (0 … 1)")
    return np.ascontiguousarray(given, np.float32)


def batch(images: ArrayLike, name: str = "images") -> tuple[NDArray[Any], bool]:
    """Pixels [B, H, W, C], and whether they were one image [H, W, C]."""
    given = pixels(images, name)
    if given.ndim not in (3, 4):
        raise ValueError(f"{name}: shape is {list(given.shape)}, wanted [B, H, W, C] or one image [H, W, C]")
    images = given if given.ndim == 4 else given[np.newaxis]
    if images.size:
        _native.pixels_check(images)
    return images, given.ndim == 3


def floats(values: ArrayLike, name: str) -> FloatArray:
    """Float32, contiguous; only float types are taken."""
    given = array(values, name)
    if given.dtype.kind != "f":
        raise TypeError(f"{name}: dtype is {given.dtype}, wanted float32")
    return np.ascontiguousarray(given, np.float32)


def refuse_beyond_64_bits(value: Any, name: str) -> None:
    """Raises ValueError for an integer that the core cannot hold, in a list or a tuple too."""
    if isinstance(value, list | tuple):
        for part in value:
            refuse_beyond_64_bits(part, name)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} is an integer beyond 64 bits")  # which may be longer than Python prints


def whole(value: Any, name: str) -> int:
    """One whole number. Raises TypeError for anything else."""
    refuse_beyond_64_bits(value, name)
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name}: is {reprlib.repr(value)}, wanted a whole number ({error})") from None


def integers(values: ArrayLike, name: str, dtype: type = np.int64) -> NDArray[Any]:
    """Whole numbers as `dtype`; only integer types are taken, and only numbers that fit; an empty list has none."""
    refuse_beyond_64_bits(values, name)
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name}: dtype is {array.dtype}, wanted integers")
    bounds = np.iinfo(dtype)
    if array.size and (array.min() < bounds.min or array.max() > bounds.max):
        raise ValueError(f"{name}: holds {array.min()} … {array.max()}, wanted {bounds.min} … {bounds.max}")
    return np.ascontiguousarray(array, dtype)


def empty(shape: tuple[int, ...], what: str, dtype: type = np.float32) -> NDArray[Any]:
    """Memory for a result. Raises MemoryError, before anything is computed."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):
        size = float(np.prod(np.array(shape, np.float64))) * np.dtype(dtype).itemsize
        raise MemoryError(f"{what}: {list(shape)} numbers take {size / 2**30:.1f} GiB, which there are not") from None


def sides(size: int | Sequence[int], name: str = "size") -> tuple[int, int]:
    """(height, width) of a size given as one number or two."""
    refuse_beyond_64_bits(size, name)
    pair = np.atleast_1d(size)
    if pair.dtype.kind not in "iu":
        raise TypeError(f"{name}: is {size!r}, wanted one or two whole numbers of pixels")
    if pair.shape not in ((1,), (2,)) or pair.min() < 1:
        raise ValueError(f"{name}: is {size}, wanted one or two numbers of pixels, at least 1")
    return int(pair[0]), int(pair[-1])


def state_of(checkpoint: Any) -> Any:
    """What a checkpoint holds under "state_dict" or "model", else all of it."""
    if isinstance(checkpoint, Mapping):
        for entry in ("state_dict", "model"):
            if isinstance(checkpoint.get(entry), Mapping):
                return checkpoint[entry]
    return checkpoint


def by_name(weights: Mapping[str, Any], prefix: str = "") -> dict[str, FloatArray]:
    """Arrays of dicts within dicts as float32, under names joined by dots.

    What is neither is left out, and so is what has no name: checkpoints hold an optimiser's state beside weights.
    """
    found: dict[str, FloatArray] = {}
    for name, value in weights.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, Mapping):
            found |= by_name(value, f"{prefix}{name}.")
        elif hasattr(value, "shape"):
            stored = str(value.dtype) if hasattr(value, "dtype") else ""
            if name.endswith("weight") and any(part in stored for part in ("float8", "int8", "qint", "float4")):
                raise ValueError(
                    f"{prefix}{name} is stored as {stored}: quantised weights are not read, wanted float16, bfloat16, "
                    "float32 or float64"
                )
            # PyTorch's bfloat16 has no counterpart in NumPy.
            array = value.detach().cpu().float().numpy() if hasattr(value, "detach") else np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError(f"{prefix}{name}: dtype is {array.dtype}, wanted numbers")
            found[prefix + name] = np.ascontiguousarray(array, np.float32).reshape(array.shape)
    return found


def pass_on(remarks: str | None) -> None:
    """Pass on, as warnings, what the core noticed."""
    for line in (remarks or "").splitlines():
        warn(line)


def is_pytorch(path: PathLike) -> bool:
    """Whether a file is one of PyTorch's, by how it begins. Raises OSError."""
    # What is no file, a pipe for one, would be waited for.
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        beginning = file.read(9)
    # A pickle begins with byte 128; a header of safetensors is 128 bytes long now and then.
    return beginning[:4] == b"PK\x03\x04" or (beginning[:1] == b"\x80" and beginning[8:] != b"{")


def weights_file(path: str) -> str:
    """The file that a path means where only Python reads it: PyTorch's in a folder of transformers; else the path."""
    older = os.path.join(path, "pytorch_model.bin")
    others = ("encoder.safetensors", "model.safetensors", "model.safetensors.index.json")
    has_others = any(os.path.exists(os.path.join(path, name)) for name in others)
    return older if os.path.isfile(older) and not has_others else path
