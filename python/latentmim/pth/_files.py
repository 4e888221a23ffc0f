"""Where the tensors of a checkpoint lie: in a zip archive, or behind a row of pickles."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from latentmim import _arrays
from latentmim.pth._description import STORAGES, PthError, Storage, Tensor, kind
from latentmim.pth._machine import described, unpickle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latentmim._arrays import FloatArray

LARGEST_PICKLE = 1 << 28
# What the first pickle of the older format holds.
MAGIC = 0x1950A86A20F9469CFC6C
READ = "float16, bfloat16, float32 or float64"
# How many bytes of weights a file may unfold to, in multiples of its own size: bfloat16 doubles, so do shared tensors.
LARGEST_GROWTH = 8


class Checkpoint:
    """The tensors that a description names, wherever their storages lie."""

    def __init__(self, file_size: int) -> None:
        self.left = LARGEST_GROWTH * file_size
        self.latest: tuple[Storage, NDArray[Any]] | None = None

    def description(self) -> Any:
        raise NotImplementedError

    def storage_bytes(self, storage: Storage, size: int) -> bytes:
        """All bytes of a storage; `size` is how many there should be."""
        raise NotImplementedError

    def shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        found = self.description()
        if not isinstance(found, dict):
            raise PthError(f"holds {kind(found)}, wanted a dict of tensors, such as a model's state_dict()")
        types = {kind: name.removeprefix("torch.").removesuffix("Storage") for name, kind in STORAGES.items()}
        return {name: (types.get(tensor.storage.dtype, tensor.storage.dtype), tensor.shape)
                for name, tensor in _flat(found)}  # fmt: skip

    def weights(self) -> dict[str, FloatArray]:
        found = _arrays.state_of(self.description())
        if not isinstance(found, dict):
            raise PthError(f"holds {kind(found)}, wanted a dict of tensors, such as a model's state_dict()")
        tensors = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, Tensor)}
        tensors = tensors or dict(_flat(found))
        if not tensors:
            raise PthError("holds no tensors under 'state_dict', under 'model' or at its top")
        return {key: self.values(key, tensor) for key, tensor in tensors.items()}

    def values(self, name: str, tensor: Tensor) -> FloatArray:
        """A tensor's values. Nothing outside its storage is read, and no more values made than the storage holds."""
        storage = tensor.storage
        if storage.dtype not in STORAGES.values():
            raise PthError(f"tensor {name} is stored as {storage.dtype}, wanted {READ}")
        if storage.dtype in ("<i1", "<u1") and name.endswith("weight"):
            raise PthError(f"tensor {name} is stored in 8 bits: quantised weights are not read, wanted {READ}")
        count = math.prod(tensor.shape)
        last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
        if count > storage.count or (count and last >= storage.count):
            raise PthError(
                f"tensor {name} of shape {list(tensor.shape)} reaches outside its storage of {storage.count} values"
            )
        self.left -= 4 * count
        if self.left < 0:
            raise PthError(
                f"tensor {name}: the tensors together are more than {LARGEST_GROWTH} times as large as the file"
            )
        stored = self.storage(name, storage)
        strides = [step * stored.itemsize for step in tensor.strides]
        view = np.lib.stride_tricks.as_strided(stored[tensor.offset :], tensor.shape, strides) if count else stored[:0]
        if storage.dtype == "bfloat16":
            view = (view.astype("<u4") << 16).view("<f4")
        return np.ascontiguousarray(view, np.float32).reshape(tensor.shape)

    def storage(self, name: str, storage: Storage) -> NDArray[Any]:
        """A storage's numbers. Tensors that share one lie side by side: the latest is kept."""
        if self.latest and self.latest[0] == storage:
            return self.latest[1]
        dtype = np.dtype("<u2" if storage.dtype == "bfloat16" else storage.dtype)
        data = self.storage_bytes(storage, storage.count * dtype.itemsize)
        if len(data) != storage.count * dtype.itemsize:
            raise PthError(
                f"the storage of {name} has {len(data)} bytes, wanted {storage.count} values of {dtype.itemsize}"
            )
        self.latest = storage, np.frombuffer(data, dtype)
        return self.latest[1]


class Archive(Checkpoint):
    """The zip archive: where the pickle lies, and the storages beside it."""

    def __init__(self, archive: zipfile.ZipFile, file_size: int) -> None:
        super().__init__(file_size)
        self.archive = archive
        pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if any("/code/" in name for name in archive.namelist()):
            raise PthError("is a program (TorchScript, torch.jit.save), wanted weights: torch.save of a state_dict")
        if len(pickles) != 1:
            raise PthError(f"holds {len(pickles)} entries called data.pkl, wanted one: it is no .pth file of PyTorch")
        self.root = pickles[0].removesuffix("data.pkl")
        if f"{self.root}byteorder" in archive.namelist() and self.read("byteorder", 16) != b"little":
            raise PthError("was written by a big-endian machine, which is not read")

    def read(self, entry: str, most: int) -> bytes:
        """An entry's bytes. PyTorch does not compress: what is compressed may be a bomb."""
        try:
            info = self.archive.getinfo(self.root + entry)
        except KeyError:
            raise PthError(f"lacks the entry {self.root}{entry}") from None
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise PthError(f"entry {info.filename} is compressed, which PyTorch's are not")
        if info.file_size > most:
            raise PthError(f"entry {info.filename} has {info.file_size} bytes, wanted at most {most}")
        return self.archive.read(info)

    def description(self) -> Any:
        return unpickle(self.read("data.pkl", LARGEST_PICKLE))

    def storage_bytes(self, storage: Storage, size: int) -> bytes:
        return self.read(f"data/{storage.key}", size)


class Legacy(Checkpoint):
    """The format before version 1.6: pickles one behind the other, then each storage, its length in front."""

    def __init__(self, file: Any, file_size: int) -> None:
        super().__init__(file_size)
        self.file = file
        if unpickle(file) != MAGIC:
            raise PthError("is a pickle, but none of PyTorch's checkpoints")
        protocol, system = unpickle(file), unpickle(file)
        if protocol != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise PthError("is a checkpoint of an unknown version of PyTorch, or of a big-endian machine")
        machine = described(file)
        self.found, self.storages = machine.stack[0], machine.storages
        self.keys = unpickle(file)
        if not isinstance(self.keys, list) or not all(isinstance(key, str) for key in self.keys):
            raise PthError("its list of storages is damaged")
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
                raise PthError(f"is cut off: the storage {key} ends {place - file_size} bytes behind it; load it again")
        return starts

    def description(self) -> Any:
        return self.found

    def storage_bytes(self, storage: Storage, size: int) -> bytes:
        if storage.key not in self.starts:
            raise PthError(f"the storage {storage.key} is missing, or lies behind one of an unknown type")
        self.file.seek(self.starts[storage.key])
        return bytes(self.file.read(size))


def _flat(found: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of dicts within dicts, under names joined by dots. An optimiser's are keyed by numbers: left out."""
    for key, value in found.items():
        if isinstance(key, str) and isinstance(value, Tensor):
            yield prefix + key, value
        elif isinstance(key, str) and isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
