"""What a description of tensors is made of, and what the functions stand for that it would call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# bfloat16 is read as the upper half of float32.
STORAGES = {
    "torch.FloatStorage": "<f4",
    "torch.DoubleStorage": "<f8",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "<u1",
}


class PthError(ValueError):
    """A file that is not what this reader reads."""


@dataclass(frozen=True)
class Storage:
    dtype: str
    key: str
    count: int

    @property
    def itemsize(self) -> int | None:
        """Bytes of an element; None where that is not known."""
        return None if self.dtype not in STORAGES.values() else 2 if self.dtype == "bfloat16" else int(self.dtype[2:])


@dataclass(frozen=True)
class Tensor:
    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Global:
    """A name that the pickle would import."""

    name: str


class Unread:
    """Something that is no part of weights: what its class or function is called, and nothing else of it."""

    def __init__(self, name: str = "an object") -> None:
        self.name = name


def kind(value: Any) -> str:
    return value.name if isinstance(value, Global | Unread) else f"a {type(value).__name__.strip('_').lower()}"


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 48:
        raise PthError(f"{what} is {kind(value) if type(value) is not int else value}, wanted a whole number from 0")
    return value


def _sizes(value: Any, what: str) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > 32:
        raise PthError(f"{what} is {kind(value)}, wanted a tuple of at most 32 numbers")
    return tuple(_whole(size, what) for size in value)


def storage_of(reference: Any) -> Storage:
    """What a persistent id describes: ("storage", type, key, device, number of values, None in older files)."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
        raise PthError("refers to something that is no storage")
    _, stored, key, _, count, *views = reference
    if any(view is not None for view in views):
        raise PthError("holds a storage that is a part of another, which is not read")
    if not isinstance(stored, Global) or not isinstance(key, str):
        raise PthError(f"holds a storage of {kind(stored)}, wanted one of {', '.join(STORAGES)}")
    # Of a kind that is not read it may lie beside the weights.
    return Storage(STORAGES.get(stored.name, stored.name), key, _whole(count, "a storage's size"))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise PthError(f"builds a tensor on {kind(storage)}, wanted a storage")
    sizes, steps = _sizes(shape, "a tensor's shape"), _sizes(strides, "a tensor's strides")
    if len(sizes) != len(steps):
        raise PthError(f"a tensor of {len(sizes)} dimensions has {len(steps)} strides")
    return Tensor(storage, _whole(offset, "a tensor's offset"), sizes, steps)


def _tensor_of_type(storage: Any, offset: Any, shape: Any, strides: Any, _: Any, __: Any, dtype: Any, *___: Any) -> Any:
    """Of a type that has no storage of its own, such as float8: it is known, and not read."""
    if not isinstance(storage, Storage):
        raise PthError(f"builds a tensor on {kind(storage)}, wanted a storage")
    return _tensor(Storage(kind(dtype), storage.key, storage.count), offset, shape, strides)


def _empty_dict(*arguments: Any) -> Any:
    return {} if not arguments else Unread("an OrderedDict of arguments")


def _subclass(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """A tensor of a class of its own: what would build it, that class, and with what."""
    return called(function, arguments)


def _first(value: Any = None, *_: Any) -> Any:
    return value


# What calls stand for.
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _empty_dict,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.Size": _first,
    "argparse.Namespace": _empty_dict,
}


def called(function: Any, arguments: Any) -> Any:
    """What a call stands for: nothing that is called."""
    if isinstance(function, Global) and function.name in CALLS and isinstance(arguments, tuple):
        return CALLS[function.name](*arguments)
    return Unread(kind(function))
