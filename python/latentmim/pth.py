"""Weights from PyTorch's `.pth` files (`torch.save`), without PyTorch and without executing anything.

Such a file is a zip archive: a pickle that describes the objects, and one raw file for each storage. Before version 1.6
it was a row of pickles with the storages behind them. The pickle is a
program for a little stack machine that can call any Python function. The machine here knows only what descriptions of
tensors need: it builds numbers, texts, lists, tuples and dicts, and of functions it *recognises* a handful by name,
calling none. What else lies beside the weights (paths, NumPy's numbers, devices, classes of a project) becomes an
`_Unread`, which stands for it and is nothing.
"""

from __future__ import annotations

import math
import os
import pickletools
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray, PathLike

__all__ = ["shapes", "weights"]

LARGEST_PICKLE = 1 << 28
LONGEST_MESSAGE = 1000
# What the first pickle of the older format holds.
MAGIC = 0x1950A86A20F9469CFC6C
READ = "float16, bfloat16, float32 or float64"
# How many bytes of weights a file may unfold to, in multiples of its own size: bfloat16 doubles, so do shared tensors.
LARGEST_GROWTH = 8

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


class _PthError(ValueError):
    """A file that is not what this reader reads."""


def weights(path: PathLike) -> dict[str, FloatArray]:
    """The tensors in a `.pth` file's `state_dict` or `model` entry, or at its top, as float32 by name.

    Where there are only dicts within dicts, such as {"teacher": {…}}, names are joined by dots.

    float16, bfloat16, float64 and whole numbers are converted.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or cut off, is no zip archive of PyTorch, or holds no tensors.

    """
    found: dict[str, FloatArray] = _opened(path, lambda checkpoint: checkpoint.weights())
    return found


def shapes(path: PathLike) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Element type and shape of every tensor in a file, whatever lies around it; nothing of them is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged or cut off, or no checkpoint of PyTorch.

    """
    found: dict[str, tuple[str, tuple[int, ...]]] = _opened(path, lambda checkpoint: checkpoint.shapes())
    return found


def _opened(path: PathLike, read: Callable[[_Checkpoint], Any]) -> Any:
    name = _arrays.path(path)
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(1)
            file.seek(0)
            if start == b"\x80":
                return read(_Legacy(file, size))
            with _open_zip(file) as archive:
                return read(_Archive(archive, size))
    except (ValueError, zipfile.BadZipFile, EOFError, RuntimeError, struct.error) as error:
        # All that zipfile says of archives that are damaged, encrypted or of an unknown kind.
        text = str(error)
        text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]} …"
        raise ValueError(f"{name}: {text}") from None
    except OSError as error:
        raise error if error.filename else OSError(f"{name}: {error}") from None


def _open_zip(file: Any) -> zipfile.ZipFile:
    start = file.read(4)
    if start[:2] != b"PK":
        raise _PthError("is no .pth file: it does not begin like a zip archive")
    if not zipfile.is_zipfile(file):
        raise _PthError("is cut off or damaged: the directory at the end of its zip archive is missing; load it again")
    return zipfile.ZipFile(file)


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    count: int

    @property
    def itemsize(self) -> int | None:
        """Bytes of an element; None where that is not known."""
        return None if self.dtype not in STORAGES.values() else 2 if self.dtype == "bfloat16" else int(self.dtype[2:])


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Checkpoint:
    """The tensors that a description names, wherever their storages lie."""

    def __init__(self, file_size: int) -> None:
        self.left = LARGEST_GROWTH * file_size
        self.latest: tuple[_Storage, NDArray[Any]] | None = None

    def description(self) -> Any:
        raise NotImplementedError

    def storage_bytes(self, storage: _Storage, size: int) -> bytes:
        """All bytes of a storage; `size` is how many there should be."""
        raise NotImplementedError

    def shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        found = self.description()
        if not isinstance(found, dict):
            raise _PthError(f"holds {_kind(found)}, wanted a dict of tensors, such as a model's state_dict()")
        types = {kind: name.removeprefix("torch.").removesuffix("Storage") for name, kind in STORAGES.items()}
        return {name: (types.get(tensor.storage.dtype, tensor.storage.dtype), tensor.shape)
                for name, tensor in _flat(found)}  # fmt: skip

    def weights(self) -> dict[str, FloatArray]:
        found = _arrays.state_of(self.description())
        if not isinstance(found, dict):
            raise _PthError(f"holds {_kind(found)}, wanted a dict of tensors, such as a model's state_dict()")
        tensors = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, _Tensor)}
        tensors = tensors or dict(_flat(found))
        if not tensors:
            raise _PthError("holds no tensors under 'state_dict', under 'model' or at its top")
        return {key: self.values(key, tensor) for key, tensor in tensors.items()}

    def values(self, name: str, tensor: _Tensor) -> FloatArray:
        """A tensor's values. Nothing outside its storage is read, and no more values made than the storage holds."""
        storage = tensor.storage
        if storage.dtype not in STORAGES.values():
            raise _PthError(f"tensor {name} is stored as {storage.dtype}, wanted {READ}")
        if storage.dtype in ("<i1", "<u1") and name.endswith("weight"):
            raise _PthError(f"tensor {name} is stored in 8 bits: quantised weights are not read, wanted {READ}")
        count = math.prod(tensor.shape)
        last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
        if count > storage.count or (count and last >= storage.count):
            raise _PthError(
                f"tensor {name} of shape {list(tensor.shape)} reaches outside its storage of {storage.count} values"
            )
        self.left -= 4 * count
        if self.left < 0:
            raise _PthError(
                f"tensor {name}: the tensors together are more than {LARGEST_GROWTH} times as large as the file"
            )
        stored = self.storage(name, storage)
        strides = [step * stored.itemsize for step in tensor.strides]
        view = np.lib.stride_tricks.as_strided(stored[tensor.offset :], tensor.shape, strides) if count else stored[:0]
        if storage.dtype == "bfloat16":
            view = (view.astype("<u4") << 16).view("<f4")
        return np.ascontiguousarray(view, np.float32).reshape(tensor.shape)

    def storage(self, name: str, storage: _Storage) -> NDArray[Any]:
        """A storage's numbers. Tensors that share one lie side by side: the latest is kept."""
        if self.latest and self.latest[0] == storage:
            return self.latest[1]
        dtype = np.dtype("<u2" if storage.dtype == "bfloat16" else storage.dtype)
        data = self.storage_bytes(storage, storage.count * dtype.itemsize)
        if len(data) != storage.count * dtype.itemsize:
            raise _PthError(
                f"the storage of {name} has {len(data)} bytes, wanted {storage.count} values of {dtype.itemsize}"
            )
        self.latest = storage, np.frombuffer(data, dtype)
        return self.latest[1]


class _Archive(_Checkpoint):
    """The zip archive: where the pickle lies, and the storages beside it."""

    def __init__(self, archive: zipfile.ZipFile, file_size: int) -> None:
        super().__init__(file_size)
        self.archive = archive
        pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if any("/code/" in name for name in archive.namelist()):
            raise _PthError("is a program (TorchScript, torch.jit.save), wanted weights: torch.save of a state_dict")
        if len(pickles) != 1:
            raise _PthError(f"holds {len(pickles)} entries called data.pkl, wanted one: it is no .pth file of PyTorch")
        self.root = pickles[0].removesuffix("data.pkl")
        if f"{self.root}byteorder" in archive.namelist() and self.read("byteorder", 16) != b"little":
            raise _PthError("was written by a big-endian machine, which is not read")

    def read(self, entry: str, most: int) -> bytes:
        """An entry's bytes. PyTorch does not compress: what is compressed may be a bomb."""
        try:
            info = self.archive.getinfo(self.root + entry)
        except KeyError:
            raise _PthError(f"lacks the entry {self.root}{entry}") from None
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise _PthError(f"entry {info.filename} is compressed, which PyTorch's are not")
        if info.file_size > most:
            raise _PthError(f"entry {info.filename} has {info.file_size} bytes, wanted at most {most}")
        return self.archive.read(info)

    def description(self) -> Any:
        return _unpickle(self.read("data.pkl", LARGEST_PICKLE))

    def storage_bytes(self, storage: _Storage, size: int) -> bytes:
        return self.read(f"data/{storage.key}", size)


class _Legacy(_Checkpoint):
    """The format before version 1.6: pickles one behind the other, then each storage, its length in front."""

    def __init__(self, file: Any, file_size: int) -> None:
        super().__init__(file_size)
        self.file = file
        if _unpickle(file) != MAGIC:
            raise _PthError("is a pickle, but none of PyTorch's checkpoints")
        protocol, system = _unpickle(file), _unpickle(file)
        if protocol != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise _PthError("is a checkpoint of an unknown version of PyTorch, or of a big-endian machine")
        machine = _described(file)
        self.found, self.storages = machine.stack[0], machine.storages
        self.keys = _unpickle(file)
        if not isinstance(self.keys, list) or not all(isinstance(key, str) for key in self.keys):
            raise _PthError("its list of storages is damaged")
        self.starts = self.located(file_size)

    def located(self, file_size: int) -> dict[str, int]:
        """Where each storage begins, as far as the sizes of those before it are known."""
        starts: dict[str, int] = {}
        place = self.file.tell()
        for key in self.keys:
            storage = self.storages.get(key)
            if storage is None or storage.itemsize is None:
                break
            self.file.seek(place)
            starts[key] = place + 8
            place += 8 + int.from_bytes(self.file.read(8), "little") * storage.itemsize
            if place > file_size:
                raise _PthError(
                    f"is cut off: the storage {key} ends {place - file_size} bytes behind it; load it again"
                )
        return starts

    def description(self) -> Any:
        return self.found

    def storage_bytes(self, storage: _Storage, size: int) -> bytes:
        if storage.key not in self.starts:
            raise _PthError(f"the storage {storage.key} is missing, or lies behind one of an unknown type")
        self.file.seek(self.starts[storage.key])
        return bytes(self.file.read(size))


def _flat(found: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, _Tensor]]:
    """The tensors of dicts within dicts, under names joined by dots. An optimiser's are keyed by numbers: left out."""
    for key, value in found.items():
        if isinstance(key, str) and isinstance(value, _Tensor):
            yield prefix + key, value
        elif isinstance(key, str) and isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")


# ---- The stack machine ----------------------------------------------------------------------------------------------


class _Mark:
    pass


@dataclass(frozen=True)
class _Global:
    """A name that the pickle would import."""

    name: str


class _Unread:
    """Something that is no part of weights: what its class or function is called, and nothing else of it."""

    def __init__(self, name: str = "an object") -> None:
        self.name = name


def _kind(value: Any) -> str:
    return value.name if isinstance(value, _Global | _Unread) else f"a {type(value).__name__.strip('_').lower()}"


def _whole(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 48:
        raise _PthError(f"{what} is {_kind(value) if type(value) is not int else value}, wanted a whole number from 0")
    return value


def _sizes(value: Any, what: str) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > 32:
        raise _PthError(f"{what} is {_kind(value)}, wanted a tuple of at most 32 numbers")
    return tuple(_whole(size, what) for size in value)


def _storage(reference: Any) -> _Storage:
    """What a persistent id describes: ("storage", type, key, device, number of values, None in older files)."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
        raise _PthError("refers to something that is no storage")
    _, kind, key, _, count, *views = reference
    if any(view is not None for view in views):
        raise _PthError("holds a storage that is a part of another, which is not read")
    if not isinstance(kind, _Global) or not isinstance(key, str):
        raise _PthError(f"holds a storage of {_kind(kind)}, wanted one of {', '.join(STORAGES)}")
    # Of a kind that is not read it may lie beside the weights.
    return _Storage(STORAGES.get(kind.name, kind.name), key, _whole(count, "a storage's size"))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise _PthError(f"builds a tensor on {_kind(storage)}, wanted a storage")
    sizes, steps = _sizes(shape, "a tensor's shape"), _sizes(strides, "a tensor's strides")
    if len(sizes) != len(steps):
        raise _PthError(f"a tensor of {len(sizes)} dimensions has {len(steps)} strides")
    return _Tensor(storage, _whole(offset, "a tensor's offset"), sizes, steps)


def _tensor_of_type(storage: Any, offset: Any, shape: Any, strides: Any, _: Any, __: Any, dtype: Any, *___: Any) -> Any:
    """Of a type that has no storage of its own, such as float8: it is known, and not read."""
    if not isinstance(storage, _Storage):
        raise _PthError(f"builds a tensor on {_kind(storage)}, wanted a storage")
    return _tensor(_Storage(_kind(dtype), storage.key, storage.count), offset, shape, strides)


def _empty_dict(*arguments: Any) -> Any:
    return {} if not arguments else _Unread("an OrderedDict of arguments")


def _subclass(function: Any, _kind: Any, arguments: Any, *_: Any) -> Any:
    """A tensor of a class of its own: what would build it, that class, and with what."""
    return _called(function, arguments)


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


def _called(function: Any, arguments: Any) -> Any:
    """What a call stands for: nothing that is called."""
    if isinstance(function, _Global) and function.name in CALLS and isinstance(arguments, tuple):
        return CALLS[function.name](*arguments)
    return _Unread(_kind(function))


def _is_key(value: Any) -> bool:
    # Others could take long, or deep recursion, to compare.
    return type(value) in (str, int, float, bool, type(None), bytes)


def _unpickle(data: Any) -> Any:
    """What a pickle describes."""
    return _described(data).stack[0]


def _described(data: Any) -> _Machine:
    """The stack machine behind a pickle's last instruction; of a file, what follows is not read."""
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.take(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise _PthError(f"its pickle is damaged ({error})") from None
    except ValueError as error:
        raise error if isinstance(error, _PthError) else _PthError(f"its pickle is damaged ({error})") from None
    if len(machine.stack) != 1:
        raise _PthError("its pickle is damaged: it does not end with one value")
    return machine


class _Machine:
    """Pickle's stack machine, as far as checkpoints need it."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def take(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        if name in _VALUES:
            self.stack.append(_VALUES[name](argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in _IGNORED:
            raise _PthError(f"its pickle uses {name}, which checkpoints do not need")

    def pop_mark(self) -> list[Any]:
        """Everything above the last mark."""
        place = len(self.stack) - 1
        while not isinstance(self.stack[place], _Mark):
            place -= 1
            if place < 0:
                raise _PthError("its pickle is damaged: a mark is missing")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self, count: int = 1) -> list[Any]:
        items = self.stack[len(self.stack) - count :]
        if len(items) != count:
            raise _PthError("its pickle is damaged: the stack is empty")
        del self.stack[len(self.stack) - count :]
        return items

    def make_tuple(self, items: list[Any]) -> None:
        self.stack.append(tuple(items))

    def make_dict(self, items: list[Any]) -> None:
        self.stack.append({})
        self.set_items(items)

    def make_set(self, _: list[Any]) -> None:
        self.stack.append(_Unread("a set"))

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        else:
            self.skip("appends to")

    def set_items(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict) and len(items) % 2 == 0:
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update((key, value) for key, value in pairs if _is_key(key))
        else:
            self.skip("sets items of")

    def skip(self, what: str) -> None:
        """Nothing, where it would happen to what is not read."""
        if not isinstance(self.stack[-1], _Unread):
            raise _PthError(f"its pickle {what} {_kind(self.stack[-1])}")

    def call(self, function: Any, arguments: Any) -> None:
        self.stack.append(_called(function, arguments))

    def call_with_mark(self, _: Any) -> None:
        """An old-fashioned call: the class, then its arguments."""
        function, *arguments = self.pop_mark()
        self.call(function, tuple(arguments))

    def build(self, _: Any) -> None:
        # The state of a Namespace, or what PyTorch notes beside an OrderedDict (_metadata): nobody reads it.
        self.pop()
        if not isinstance(self.stack[-1], dict):
            self.skip("sets the state of")

    def refer(self, reference: Any) -> None:
        """A persistent id: a storage's."""
        storage = _storage(reference)
        self.storages[storage.key] = storage
        self.stack.append(storage)


_IGNORED = {"PROTO", "FRAME", "STOP"}

_VALUES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT", "BINUNICODE", "UNICODE",
         "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        lambda argument: argument,
    ),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: _Mark(),
}  # fmt: skip

_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "TUPLE": lambda m, _: m.make_tuple(m.pop_mark()),
    "TUPLE1": lambda m, _: m.make_tuple(m.pop(1)),
    "TUPLE2": lambda m, _: m.make_tuple(m.pop(2)),
    "TUPLE3": lambda m, _: m.make_tuple(m.pop(3)),
    "LIST": lambda m, _: m.stack.append(m.pop_mark()),
    "DICT": lambda m, _: m.make_dict(m.pop_mark()),
    "POP": lambda m, _: m.pop(),
    "POP_MARK": lambda m, _: m.pop_mark(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "APPEND": lambda m, _: m.extend(m.pop(1)),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "SETITEM": lambda m, _: m.set_items(m.pop(2)),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
    "EMPTY_SET": lambda m, _: m.stack.append(_Unread("a set")),
    "ADDITEMS": lambda m, _: m.pop_mark(),
    "FROZENSET": lambda m, _: m.make_set(m.pop_mark()),
    "PUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "BINPUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "LONG_BINPUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "MEMOIZE": lambda m, _: m.memo.update({len(m.memo): m.stack[-1]}),
    "GET": lambda m, place: m.stack.append(m.memo[place]),
    "BINGET": lambda m, place: m.stack.append(m.memo[place]),
    "LONG_BINGET": lambda m, place: m.stack.append(m.memo[place]),
    "GLOBAL": lambda m, name: m.stack.append(_Global(name.replace(" ", "."))),
    "STACK_GLOBAL": lambda m, _: m.stack.append(_Global(".".join(m.pop(2)))),
    "REDUCE": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.pop(3)[:2]),
    "OBJ": _Machine.call_with_mark,
    "INST": lambda m, name: m.call(_Global(name.replace(" ", ".")), tuple(m.pop_mark())),
    "BUILD": _Machine.build,
    "BINPERSID": lambda m, _: m.refer(m.pop()[0]),
}
