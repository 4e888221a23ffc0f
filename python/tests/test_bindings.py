"""The C interface and its bindings: cut alike, the stub as the extension is, errors as Python has them."""

import ast
import errno
import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import _latentmim as native

ROOT = Path(__file__).parents[2]
HEADER = (ROOT / "Sources/CLatentMIM/include/latentmim.h").read_text()
STUB = ast.parse((Path(lm.__file__).parent / "_latentmim.pyi").read_text())
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
SECTIONS = dict(re.findall(r"^// ---- (\w+) -+\n(.*?)(?=^// ----|\Z)", HEADER, re.M | re.S))


def test_the_stub_names_what_the_extension_has() -> None:
    classes = {node.name for node in STUB.body if isinstance(node, ast.ClassDef)}
    assert FUNCTIONS.keys() | classes == {name for name in dir(native) if not name.startswith("_")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stubs_arguments_are_the_extensions(name: str) -> None:
    """By name, as the extension tells them, and in number, as it takes them."""
    arguments = FUNCTIONS[name].args
    assert not arguments.args and not arguments.kwonlyargs, "arguments go by position"
    function = getattr(native, name)
    assert [argument.arg for argument in arguments.posonlyargs] == list(inspect.signature(function).parameters)
    count = len(arguments.posonlyargs)
    wanted = rf"exactly {count} argument|takes no arguments" if count else "takes no arguments"
    with pytest.raises(TypeError, match=wanted):
        function(*[None] * (count + 1))


@pytest.mark.parametrize("section", SECTIONS)
def test_header_interface_and_module_are_cut_alike(section: str) -> None:
    """A section of the header is a file of each, and what it declares is implemented there, and called there."""
    declared = set(re.findall(r"\b(lm_\w+)\(", re.sub(r"//.*", "", SECTIONS[section])))
    swift = (ROOT / f"Sources/LatentMIMABI/{section}.swift").read_text()
    assert declared == set(re.findall(r"public func (lm_\w+)", swift))
    assert (ROOT / f"Sources/PyLatentMIM/{section.lower()}.c").exists()
    called = "".join(path.read_text() for path in (ROOT / "Sources/PyLatentMIM").glob("*.[ch]"))
    for name in declared - {"lm_metric_value"}:  # of C alone: Python has a dict
        pasted = re.sub(r"^lm_(model|encoder)_", "lm_##kind##_", name)
        of_one_line = rf"(TEXT_OF|TEXT_FROM|NUMBER_OF|WITH_PATH|READS)\([^)]*\b({name[3:]}|{pasted[5:]})\b"
        assert re.search(rf"\b({name}|{pasted})\b|{of_one_line}", called), f"nobody calls {name}"


def test_system_errors_are_pythons(tmp_path: Path) -> None:
    model = lm.LatentMIM(**SMALL)
    nowhere, folder = tmp_path / "nowhere", tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "file").write_bytes(b"")
    cases: list[tuple[Any, type[OSError], int, Path]] = [
        (lm.LatentMIM.load, FileNotFoundError, errno.ENOENT, nowhere),
        (lm.load_encoder, FileNotFoundError, errno.ENOENT, nowhere),
        (lm.load_image, FileNotFoundError, errno.ENOENT, nowhere),
        (lm.ImageFolder, FileNotFoundError, errno.ENOENT, nowhere),
        (lm.ImageFolder, NotADirectoryError, errno.ENOTDIR, tmp_path / "file"),
        (lm.load_image, IsADirectoryError, errno.EISDIR, folder),
        (lm.Trainer(model, pixels(8), epochs=1, batch_size=8).restore, IsADirectoryError, errno.EISDIR, folder),
        (model.save, IsADirectoryError, errno.EISDIR, folder),
        (model.encoder.save, FileNotFoundError, errno.ENOENT, nowhere / "encoder.safetensors"),
        (lm.Trainer(model, pixels(8), epochs=1, batch_size=8).restore, FileNotFoundError, errno.ENOENT, nowhere),
    ]
    for call, kind, number, path in cases:
        with pytest.raises(kind, match=re.escape(str(path))) as caught:
            call(path)
        assert (caught.value.errno, caught.value.filename) == (number, str(path))


HUGE = (2**63, -(2**63) - 1, 2**64, 10**5000)


@pytest.mark.parametrize("number", HUGE, ids=["2^63", "-2^63-1", "2^64", "10^5000"])
def test_integers_beyond_64_bits(number: int, model: lm.LatentMIM, images: np.ndarray) -> None:
    """One sentence that names the place, wherever a number is taken."""
    data, encoder = lm.Arrays(images), model.encoder
    small = images[:2, :32, :40]
    calls: dict[str, Any] = {
        "depth": lambda: lm.LatentMIM(depth=number),
        "grid": lambda: lm.LatentMIM(grid=(number, 4)),
        "epochs": lambda: lm.Trainer(model, data, epochs=number, batch_size=8),
        "epoch": lambda: lm.masking.sample(model.config, batch=2, epoch=number),
        "epoch ": lambda: data.crops(model.config, [0], epoch=number),
        "images": lambda: lm.masking.sample(model.config, images=[number]),
        "indices": lambda: data.resized(8, [number]),
        "size": lambda: data.resized(number),
        "resize": lambda: data.resized(8, short_side=number),
        "layer": lambda: encoder.features(small, layer=number),
        "k": lambda: encoder.pool(small, "topk_mean", k=number),
        "segments": lambda: lm.segment(encoder, small[0], number),
        "count": lambda: lm.set_thread_count(number),
        "rows": lambda: lm.runtime.measure_product("forward", number, 8, 8),
        "image": lambda: data[number],
        "short_side": lambda: lm.evaluate.features(encoder, data, short_side=number, progress=False),
    }
    if number != 2**63:
        calls["seed"] = lambda: lm.LatentMIM(**SMALL, seed=number)
    for name, call in calls.items():
        with pytest.raises((ValueError, IndexError), match=rf"\b{name.strip()}\b") as caught:
            call()
        assert len(str(caught.value)) < 300, name


def test_sizes_are_the_views(options: dict[str, Any]) -> None:
    """What a configuration says of itself is what views have, also where crops stay fixed."""
    fixed = lm.ModelConfig.resolve(**options | {"crop_rule": "fixed"})
    views = lm.masking.sample(fixed, batch=2)
    assert fixed.training_grid == (3, 4) and fixed.crop_size == (32, 40) and fixed.cell == 10
    assert views.offsets.shape == (2, fixed.num_patches, 2)
    assert (views.visible.shape[1], views.target.shape[1]) == (fixed.num_visible, fixed.num_target)


def test_drawn_masks_have_no_counts(options: dict[str, Any], tmp_path: Path) -> None:
    """V and T are drawn for each batch: nothing says a number that no view has, and nothing trips over that."""
    model = lm.LatentMIM(width=48, depth=2, heads=3, grid=6, preset="ijepa", decoder_width=32, decoder_heads=4)
    assert model.config.num_visible is None and model.config.num_target is None
    assert "a drawn number of 6×6 patches visible" in repr(model)
    assert json.loads(model.config.to_json())["num_visible"] is None
    assert lm.ModelConfig.from_json(model.config.to_json()) == model.config
    assert lm.ModelConfig.resolve(**options, mask="random").num_visible == options["num_visible"]
    model.save(tmp_path / "model.safetensors")
    assert lm.LatentMIM.load(tmp_path / "model.safetensors").config == model.config


@pytest.mark.parametrize("rule", ["grow", "fixed"])
def test_patches_are_drawn_where_they_lie(options: dict[str, Any], rule: str) -> None:
    """An outline for each cell, at its row and column of the training grid, shifted by its offset."""
    config = lm.ModelConfig.resolve(**options | {"crop_rule": rule})
    views = lm.masking.sample(config, batch=1, seed=3)
    drawn_on = lm.plot.views(np.zeros((*config.crop_size, 3), np.uint8), views)
    drawn = {(box.get_y() + 0.5, box.get_x() + 0.5) for axes in drawn_on for box in axes.patches}
    columns = 4 if rule == "fixed" else 5
    cells = np.concatenate([views.visible[0], views.target[0]])
    rows = np.stack([cells // columns, cells % columns], 1) * 10 + views.offsets[0, cells]
    assert drawn == {(row, column) for row, column in rows.tolist()}
    assert [axes.get_title() for axes in drawn_on[1:]] == [
        f"seen: {views.visible.shape[1]} patches",
        f"predicted: {views.target.shape[1]} latents",
    ]


def test_metrics_have_names(model: lm.LatentMIM, images: np.ndarray) -> None:
    """A step's are a batch's and its own; whole numbers are integers."""
    _, batch = model.loss(
        lm.Arrays(images).crops(model.config, [0, 1]), lm.masking.sample(model.config, batch=2), precision="float32"
    )
    step = lm.Trainer(model, images, epochs=1, batch_size=8).step()
    assert step is not None
    assert list(step) == [
        "step", "epoch", *batch, "learning_rate", "target_momentum", "gamma", "gradient_norm", "images_per_second",
    ]  # fmt: skip
    assert {name for name, value in step.items() if isinstance(value, int)} == {"step", "epoch"}
    for name in [*batch, "learning_rate", "gamma"]:
        assert f'"{name}"' in HEADER, "its meaning stands in the header"
