"""`.pth` files, written here by hand with the standard library: read without PyTorch, nothing is executed."""

import argparse
import collections
import datetime
import io
import os
import pickle
import sys
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pretrained
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import pth

NUMPY = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "ByteStorage": "u1"}


@pytest.fixture(autouse=True)
def torch() -> Iterator[types.SimpleNamespace]:
    """Just enough of `torch` for pickle to write its names into a file."""
    utils = types.ModuleType("torch._utils")
    module = types.ModuleType("torch")
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    for name in [*NUMPY, "BFloat16Storage", "ComplexFloatStorage"]:
        setattr(module, name, type(name, (), {"__module__": "torch"}))
    module._utils = utils
    sys.modules |= {"torch": module, "torch._utils": utils}
    yield module
    del sys.modules["torch"], sys.modules["torch._utils"]


class Tensor:
    """A tensor that pickles as PyTorch's do."""

    def __init__(self, values: np.ndarray, storage: str = "FloatStorage", **overrides: Any) -> None:
        self.shape, self.storage = values.shape, storage
        self.strides = tuple(step // values.itemsize for step in values.strides)
        raw = values.astype(np.float32).view("<u4") >> 16 if storage == "BFloat16Storage" else values
        self.data = np.ascontiguousarray(raw, "<u2" if storage == "BFloat16Storage" else NUMPY.get(storage)).tobytes()
        self.count, self.offset = values.size, 0
        vars(self).update(overrides)

    def __reduce__(self) -> Any:
        torch = sys.modules["torch"]
        arguments = (self, self.offset, self.shape, self.strides, False, collections.OrderedDict())
        return torch._utils._rebuild_tensor_v2, (Reference(self), *arguments[1:])


class Parameter:
    """A tensor that is a parameter."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __reduce__(self) -> Any:
        return sys.modules["torch"]._utils._rebuild_parameter, (self.tensor, True, collections.OrderedDict())


class Reference:
    """A tensor's storage: written as a persistent id."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Pickler(pickle._Pickler):
    """Storages by reference, as torch.save; its protocol is 2."""

    def __init__(self, file: Any, protocol: int = 2) -> None:
        super().__init__(file, protocol)
        self.storages: dict[str, bytes] = {}

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, Reference):
            return None
        key = str(len(self.storages))
        self.storages[key] = thing.tensor.data
        return "storage", getattr(sys.modules["torch"], thing.tensor.storage), key, "cpu", thing.tensor.count


def write(path: Path, content: Any, compression: int = zipfile.ZIP_STORED, protocol: int = 2, **entries: bytes) -> Path:
    """What torch.save writes."""
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", entries.pop("pickle", file.getvalue()))
        for key, data in pickler.storages.items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in entries.items():
            archive.writestr(f"archive/{name}", data)
    return path


def state(model: lm.LatentMIM, prefix: str = "") -> collections.OrderedDict[str, Tensor]:
    found = collections.OrderedDict((prefix + name, Tensor(value)) for name, value in model.parameters().items())
    found._metadata = collections.OrderedDict([("", {"version": 1})])
    return found


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_authors_checkpoint(model: lm.LatentMIM, tmp_path: Path, prefix: str) -> None:
    square = lm.LatentMIM(**SMALL | {"grid": 4, "heads": 1, "decoder_heads": 16}, seed=2)
    content = {
        "state_dict": state(square, prefix),
        "optimizer": {"state": {0: {"step": 5, "exp_avg": Tensor(np.zeros(3, np.float32))}}, "param_groups": [{}]},
        "loss_scaler": {"scale": 65536.0, "_growth_tracker": 3},
        "epoch": 799,
        "args": argparse.Namespace(lr=1e-4, name="published", betas=(0.9, 0.95)),
    }  # fmt: skip
    for name, size in (("encoder", 48), ("target_encoder", 48), ("decoder", 32)):
        content["state_dict"][f"{prefix}{name}.pos_embed.pos_embeds"] = Tensor(np.zeros((17, size), np.float32))
    path = write(tmp_path / "caf\udce9.pth", content)
    with pytest.warns(UserWarning, match="pos_embeds differs"):
        loaded = lm.LatentMIM.load(path, patch_gap=2, num_visible=5, heads=1)
    assert loaded.config == square.config
    weights = square.parameters()
    assert all(np.array_equal(value, weights[name]) for name, value in loaded.parameters().items())
    with pytest.warns(UserWarning, match="pos_embeds differs"):
        encoder = lm.load_encoder(path, heads=1)
    image = pixels(1, 32, 32)
    assert np.array_equal(encoder.features(image), square.encoder.features(image))


def test_missing_tensors_are_all_named(model: lm.LatentMIM, tmp_path: Path) -> None:
    square = lm.LatentMIM(**SMALL | {"grid": 4, "heads": 1, "decoder_heads": 16})
    content = state(square)
    for name in ("encoder.blocks.0.norm1.weight", "decoder.head.bias"):
        del content[name]
    content["encoder.pos_embed.pos_embeds"] = Tensor(np.zeros((17, 48), np.float32))
    path = write(tmp_path / "x.pth", {"state_dict": content})
    with pytest.raises(
        ValueError,
        match=r"(?s)x\.pth.*encoder\.blocks\.0\.norm1\.weight.*decoder\.head\.bias|decoder\.head\.bias.*norm1",
    ):
        lm.LatentMIM.load(path)


@pytest.mark.parametrize("storage", [*NUMPY, "BFloat16Storage"])
def test_types(tmp_path: Path, storage: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(NUMPY.get(storage, "<f4"))
    found = pth.weights(write(tmp_path / "x.pth", {"a": Tensor(values, storage)}))["a"]
    assert found.dtype == np.float32
    assert np.array_equal(found, values)


def test_strides_offsets_and_shared_storages(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32)
    content = {
        "model": {
            "transposed": Tensor(values, shape=(4, 6), strides=(1, 4)),
            "part": Parameter(Tensor(values, shape=(2, 3), strides=(3, 1), offset=18)),
            "scalar": Tensor(values, shape=(), strides=(), offset=7),
            "empty": Tensor(values, shape=(0, 3), strides=(3, 1)),
            "note": "no tensor",
        }
    }
    found = pth.weights(write(tmp_path / "x.pth", content))
    assert np.array_equal(found["transposed"], values.reshape(6, 4).T)
    assert np.array_equal(found["part"], values[18:].reshape(2, 3))
    assert found["scalar"] == 7
    assert found["scalar"].shape == ()
    assert found["empty"].shape == (0, 3)
    assert "note" not in found


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"shape": (5, 5), "strides": (5, 1)}, "outside its storage"),
        ({"offset": 1}, "outside its storage"),
        ({"strides": (24, 1)}, "outside its storage"),
        ({"offset": -1}, "-1"),
        ({"strides": (-6, 1)}, "-6"),
        ({"shape": (1 << 40, 1 << 40), "strides": (0, 0)}, "outside its storage"),
        ({"shape": (4, 6.0)}, "float"),
        ({"shape": (4,)}, "strides"),
        ({"count": 25}, "bytes"),
        ({"count": 1 << 60}, "size"),
        ({"storage": "ComplexFloatStorage"}, "ComplexFloatStorage"),
    ],
)
def test_tensors_that_lie(tmp_path: Path, overrides: dict[str, Any], problem: str) -> None:
    tensor = Tensor(np.zeros((4, 6), np.float32), **overrides)
    with pytest.raises(ValueError, match=rf"x\.pth.*{problem}"):
        pth.weights(write(tmp_path / "x.pth", {"a": tensor}))


class Evil:
    """What a hostile pickle would call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize("function", [os.system, eval, getattr, __import__, os.path.join], ids=lambda f: f.__name__)
def test_nothing_is_executed(tmp_path: Path, function: Any) -> None:
    trap = tmp_path / "trap"
    values = np.arange(3, dtype=np.float32)
    content = {"args": Evil(function, f"touch {trap}"), "state_dict": {"a": Tensor(values), "b": Evil(function, "1")}}
    found = pth.weights(write(tmp_path / "x.pth", content))
    assert list(found) == ["a"]
    assert np.array_equal(found["a"], values)
    with pytest.raises(ValueError, match=rf"x\.pth: holds \w+\.{function.__name__}, wanted a dict of tensors"):
        pth.weights(write(tmp_path / "x.pth", Evil(function, f"touch {trap}")))
    assert not trap.exists()


class Project:
    """A class of somebody's project, with a state."""

    def __init__(self) -> None:
        self.weights, self.names = [1, 2], {"a"}


class Listed(list):
    """A list that pickle fills after building it."""


@pytest.mark.parametrize(
    "beside",
    [
        argparse.Namespace(lr=1e-3, out=PurePosixPath("runs/1"), names={"norm"}),
        np.float64(0.71),
        np.arange(3),
        np.dtype("float32"),
        {"norm"},
        frozenset({"norm"}),
        Project(),
        Project,
        Listed([1, Project()]),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
        datetime.datetime(2024, 1, 1),
        {(1, 2): 3, None: 4, PurePosixPath("x"): 5},
        slice(1, 2),
        complex(1, 2),
        Evil(os.path.join, Evil(os.path.join, "a")),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_lies_beside_the_weights_is_read_past(tmp_path: Path, beside: Any, protocol: int) -> None:
    values = np.arange(3, dtype=np.float32)
    content = {"before": beside, "model": {"a": Tensor(values), "odd": beside}, "behind": [beside, beside]}
    found = pth.weights(write(tmp_path / "x.pth", content, protocol=protocol))
    assert list(found) == ["a"]
    assert np.array_equal(found["a"], values)


def nested(depth: int) -> bytes:
    """A tuple in a tuple in a tuple …, as the key of a dict: to compare it would overflow the stack."""
    return b"\x80\x02}" + b")" + b"\x85" * depth + b"Nsq\x00."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02}q\x00",
        b"\x80\x02(.",
        b"\x80\x02s.",
        b"\x80\x02h\x05.",
        b"\x80\x02Nb.",
        b"\x80\x02N}b.",
        b"\x80\x02(NNt.",
        b"\x80\x02U\xff.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x02ccollections\nOrderedDict\n(NtR.",
        b"\x80\x02ccollections\nOrderedDict\nb.",
        b"\x80\x04)\x93.",
        b"\x80\x04))\x93.",
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x02ccollections\nOrderedDict\n.",
        b"\x80\x02i0\n.",
        b"\x80\x02P0\n.",
        b"\x80\x02\x82\x01.",
        nested(2_000_000),
        bytes(range(256)),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_damaged_pickles(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"x\.pth: "):
        pth.weights(write(tmp_path / "x.pth", {}, pickle=data))


def test_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    for data, problem in (
        (b"", "is empty"),
        (b"hello", "no safetensors file: it has 5 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title>", "is a page in HTML"),
        (pickle.dumps({"a": 1}, 2), "is a pickle, but none of PyTorch's checkpoints"),
        (b"PK\x03\x04 but no more", "is cut off"),
    ):
        path.write_bytes(data)
        for load in (lm.LatentMIM.load, lm.load_encoder):
            with pytest.raises(ValueError, match=rf"x\.pth'?:? .*{problem}"):
                load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/code/__torch__.py", "no weights")
    with pytest.raises(ValueError, match="is a program"):
        lm.load_encoder(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(ValueError, match="0 entries called data"):
        lm.load_encoder(path)
    for content in ([1, 2], {"a": 1}, {"state_dict": {}}):
        with pytest.raises(ValueError, match=r"x\.pth: holds"):
            pth.weights(write(path, content))


def test_archives_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    content = {"a": Tensor(np.zeros(100_000, np.float32))}
    with pytest.raises(ValueError, match="compressed"):
        pth.weights(write(path, content, zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match="big-endian"):
        pth.weights(write(path, content, byteorder=b"big"))
    # A hundred tensors that share one small storage are a hundred times as large as the file.
    shared = Tensor(np.zeros(100_000, np.float32))
    many = {str(i): shared for i in range(100)}
    file = io.BytesIO()
    pickler = Pickler(file)
    pickler.memoize = lambda _: None  # each written out, with a storage of its own
    pickler.dump(many)
    data = file.getvalue()
    for key in range(1, 100):
        number = str(key).encode()
        data = data.replace(b"X" + len(number).to_bytes(4, "little") + number + b"X\x03\x00\x00\x00cpu",
                            b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu")  # fmt: skip
    write(path, {"a": shared}, pickle=data)
    with pytest.raises(ValueError, match="8 times as large as the file"):
        pth.weights(path)


def test_truncated_and_corrupt_files(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.pth", {"state_dict": {"a": Tensor(np.arange(64, dtype=np.float32))}})
    data = whole.read_bytes()
    path = tmp_path / "x.pth"
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"x\.pth: is cut off" if size >= 4 else r"x\.pth: is no"):
            pth.weights(path)
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(0, len(data))] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            assert set(pth.weights(path)) == {"a"}
        except (ValueError, OSError) as error:
            assert "x.pth" in str(error)


def test_a_checkpoint_of_dicts_within_dicts(tmp_path: Path) -> None:
    """DINO's: {student, teacher, optimizer, epoch}; the teacher is loaded, what numbers name not even read."""
    weights, checkpoint = pretrained.dino(np.random.default_rng(1))
    stored: dict[str, Any] = {
        name: collections.OrderedDict((key, Tensor(value)) for key, value in checkpoint[name].items())
        for name in ("student", "teacher")
    }
    state = {0: {"exp_avg": Tensor(np.zeros(4, np.float32))}}
    path = write(tmp_path / "dino.pth", stored | {"epoch": 3, "optimizer": {"state": state, "lr": 0.1}})
    names = pth.weights(path).keys()
    assert "teacher.backbone.blocks.0.norm1.weight" in names
    assert not any("optimizer" in name for name in names)
    with pytest.warns(UserWarning, match=r"dino\.pth: the encoder behind 'teacher\.backbone\.' is taken"):
        encoder = lm.load_encoder(path, heads=pretrained.HEADS)
    images = pixels(1, 16, 16)
    wanted = pretrained.forward(weights, images)[-1][:, 1:]
    assert encoder.family == "dino"
    assert np.allclose(encoder.features(images), wanted, atol=1e-4)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("x.pth", "x.safetensors"):
        os.mkfifo(tmp_path / name)
        for load in (lm.load_encoder, lm.LatentMIM.load):
            with pytest.raises(OSError, match=rf"{name}'.*not a regular file"):
                load(tmp_path / name)


def test_messages_are_short(tmp_path: Path) -> None:
    long = "n" * 3_000_000
    for content in (Evil(os.path.join, long), {long: Tensor(np.zeros(3, np.float32), shape=(9,))}):
        with pytest.raises(ValueError, match=r"x\.pth: ") as error:
            pth.weights(write(tmp_path / "x.pth", content))
        assert len(str(error.value)) < 2000


def test_ones_own_format_under_their_ending(model: lm.LatentMIM, tmp_path: Path) -> None:
    """What is written is safetensors: not under a name of PyTorch's. Renamed, it is told by its content."""
    for name in ("x.pth", "x.pt", "x.ckpt", "x.npz"):
        for save in (model.save, model.encoder.save):
            with pytest.raises(ValueError, match=rf"{name}' ends in .*safetensors"):
                save(tmp_path / name)
    model.encoder.save(tmp_path / "x.safetensors")
    os.rename(tmp_path / "x.safetensors", tmp_path / "x.pth")
    image = pixels(1, 32, 32)
    assert np.array_equal(lm.load_encoder(tmp_path / "x.pth").features(image), model.encoder.features(image))
    with pytest.raises(ValueError, match=r"x\.pth: holds an encoder alone, no whole model: load_encoder reads it"):
        lm.LatentMIM.load(tmp_path / "x.pth")


def legacy(content: Any, protocol: int = 1001, magic: int = pth._files.MAGIC) -> bytes:
    """What torch.save wrote before version 1.6: pickles, then each storage with its length in front."""
    file = io.BytesIO()
    pickler = Pickler(file)
    for thing in (magic, protocol, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
        pickle.dump(thing, file, protocol=2)
    pickler.dump(content)
    pickle.dump(list(pickler.storages), file, protocol=2)
    sizes = [tensor.count for tensor in content["state_dict"].values()]
    for count, data in zip(sizes, pickler.storages.values(), strict=True):
        file.write(count.to_bytes(8, "little") + data)
    return file.getvalue()


def test_the_format_before_version_1_6(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = {"a.weight": rng.normal(size=(4, 3)), "b": rng.normal(size=7)}
    tensors = {name: Tensor(value.astype(np.float32)) for name, value in values.items()}
    half = Tensor(np.arange(6, dtype=np.float16), "HalfStorage")
    path, whole = tmp_path / "x.pth", legacy({"state_dict": {**tensors, "half": half}, "epoch": 3})
    path.write_bytes(whole)
    found = pth.weights(path)
    assert all(np.array_equal(found[name], value.astype(np.float32)) for name, value in values.items())
    assert np.array_equal(found["half"], np.arange(6))
    assert pth.shapes(path)["state_dict.a.weight"] == ("Float", (4, 3))
    for count in range(1, len(whole), 7):
        path.write_bytes(whole[:count])
        with pytest.raises(ValueError, match=r"x\.pth: .*(cut off|damaged|list of storages|a pickle)"):
            pth.weights(path)
    for changed in (legacy({"state_dict": {}}, protocol=7), legacy({"state_dict": {}}, magic=5)):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"unknown version of PyTorch|none of PyTorch's checkpoints"):
            pth.weights(path)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (("thing",), "refers to something that is no storage"),
        (("storage", 5, "0", "cpu", 3), r"holds a storage of a int, wanted one of torch\.FloatStorage, "),
        (("storage", int, 0, "cpu", 3), r"holds a storage of __builtin__.long, wanted one of torch\.FloatStorage, "),
        (("storage", int, "0", "cpu", -3), "a storage's size is -3, wanted a whole number from 0"),
        (("storage", int, "0", "cpu", 3, "view"), "holds a storage that is a part of another"),
        (("storage", int, "0", "cpu", 3), "holds a storage, wanted a dict of tensors"),
    ],
)
def test_references_that_are_none(reference: tuple[Any, ...], said: str, tmp_path: Path) -> None:
    text = pickle.dumps(reference, 2)[:-1] + b"Q."
    with pytest.raises(ValueError, match=said):
        pth.weights(write(tmp_path / "x.pth", {}, pickle=text))
