"""What users see: docs and types of every public name, options with one owner, a quick import, examples that run."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import _latentmim as native
from latentmim import cli, config

MODULES = [
    module
    for found in pkgutil.walk_packages(lm.__path__, "latentmim.")
    if not found.name.rpartition(".")[2].startswith("_")
    and hasattr(module := importlib.import_module(found.name), "__all__")
]


def public() -> Iterator[tuple[str, Any]]:
    """Every public function, class and method."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isfunction(thing) or inspect.isclass(thing)):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for member, value in vars(thing).items():
                    plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
                    if not member.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
                        yield f"{module.__name__}.{name}.{member}", plain


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_docs_and_types(name: str) -> None:
    thing = PUBLIC[name]
    assert inspect.getdoc(thing), "has no doc"
    function = thing.fget if isinstance(thing, property) else thing
    if inspect.isclass(function):
        # A protocol has an __init__ that typing puts there.
        has_own = "__init__" in vars(function) and not getattr(function, "_is_protocol", False)
        function = function.__init__ if has_own else None
    if function is None or not hasattr(function, "__annotations__"):
        return
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.name in ("self", "cls") or parameter.annotation is not parameter.empty, parameter.name
    assert signature.return_annotation is not signature.empty or function.__name__ == "__init__"


def test_every_name_is_there() -> None:
    for name in lm.__all__:
        assert getattr(lm, name) is not None
    listed = dir(lm)
    assert len(listed) == len(set(listed))
    assert {name for name in listed if not name.startswith("_")} == set(lm.__all__)
    for module in MODULES:
        assert module.__doc__
        assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lm.nonsense
    assert lm.__version__ == native.version()
    assert (Path(lm.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize(
    ("kind", "resolve", "options", "beside"),
    [
        (lm.ModelConfig, native.model_options, config.ModelOptions, {"mask_ratio"}),
        (lm.TrainingConfig, native.training_options, config.TrainingOptions, {"preset"}),
    ],
)
def test_options_are_the_cores(kind: Any, resolve: Any, options: Any, beside: set[str]) -> None:
    core = json.loads(resolve("{}"))
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields == core.keys()
    assert all(field.default is dataclasses.MISSING for field in dataclasses.fields(kind)), "defaults are the core's"
    left = {"epochs", "batch_size"} if kind is lm.TrainingConfig else set()
    assert set(options.__annotations__) == fields - left | beside
    documented = set(re.findall(r"^    (\w+): ", inspect.getdoc(kind), re.M))
    assert documented == fields
    for field in dataclasses.fields(kind):
        plain = {"int": int, "float": float, "str": str, "bool": bool, "None": type(None)}
        wanted = [tuple if "tuple" in name else plain[name] for name in str(field.type).split(" | ")]
        assert type(getattr(kind.resolve(), field.name)) in wanted, field.name


def test_configurations(model: lm.LatentMIM) -> None:
    found = model.config
    assert found.grid == (4, 5)
    assert (found.num_patches, found.num_visible, found.num_target) == (20, 5, 15)
    assert found.crop_size == (40, 50)
    assert found.image_size == (32, 40)
    assert lm.ModelConfig.from_json(found.to_json()) == found
    assert lm.LatentMIM.from_config(found).config == found
    assert lm.ModelConfig.resolve().difference() == {}
    assert lm.ModelConfig.resolve(preset="paper").difference("paper") == {}
    assert lm.ModelConfig.resolve().difference("paper")["loss_scale"] == (2.0, 1.0)
    assert lm.ModelConfig.resolve("vit_small", patch_gap=2).difference()["patch_gap"] == (2, 4)
    assert lm.ModelConfig.resolve(grid=6, mask_ratio=0.75).num_visible == 9
    assert lm.ModelConfig.resolve(grid=np.int64(6), temperature=np.float32(0.5)).temperature == 0.5
    assert "patch_gap" in str(found)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.depth = 3


def test_repr(model: lm.LatentMIM) -> None:
    assert repr(model).startswith("LatentMIM(48 wide, 2 deep")
    assert repr(model.encoder).startswith("Encoder(48 wide")
    assert "step 0 of 10" in repr(lm.Trainer(model, pixels(40), epochs=2, batch_size=8))


def test_import_is_light() -> None:
    """Beyond NumPy's own: no tqdm, no matplotlib, no pathlib, no anywidget, no PyAV."""
    heavy = "tqdm", "matplotlib", "zipfile", "pathlib", "anywidget", "traitlets", "av", "PIL", "sklearn"
    code = f"import numpy, sys, latentmim; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    arguments = ["pretrain", str(folder), "--out", out, "--epochs", "1", "--batch-size", "6", *settings]
    assert cli.main(arguments) == 0
    for what in (out, f"{out}/config.json", f"{out}/encoder.safetensors", f"{out}/checkpoints/last.safetensors"):
        assert cli.main(["inspect", what]) == 0
        assert "projector_width: 64, published 4096" in capsys.readouterr().out
    assert cli.main(["evaluate", f"{out}/encoder.safetensors", str(folder), "--pixels"]) == 0
    assert capsys.readouterr().out.count("12 images") == 2
    photo = str(next(folder.rglob("*.jpg")))
    assert cli.main(["segment", f"{out}/encoder.safetensors", photo, "--segments", "3", "--out", str(tmp_path)]) == 0
    assert (tmp_path / f"{Path(photo).stem}-segments.png").stat().st_size > 1000
    assert cli.main(["inspect", str(tmp_path / "nothing.safetensors")]) == 1
    assert "nothing.safetensors" in capsys.readouterr().err
    assert cli.main([*arguments, "--set", "nonsense=1"]) == 1
    assert "nonsense" in capsys.readouterr().err
    assert cli.main(["pretrain", str(folder), "--out", out, "--set", "grid"]) == 1


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "latentmim", "--version"]
    first, *report = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert first == f"latentmim {lm.__version__}"
    assert any(line.split()[:2] == ["instruction", "set"] for line in report)


def test_plots(model: lm.LatentMIM, tmp_path: Path) -> None:
    data = lm.Arrays(pixels(20), np.arange(20) % 3)
    trainer = lm.Trainer(model, data, epochs=2, batch_size=10, validation=data, out=tmp_path, progress=False)
    with pytest.raises(ValueError, match="no steps"):
        lm.plot.history(trainer)
    trainer.fit()
    for run in (trainer, tmp_path, tmp_path / "metrics.jsonl", trainer.history, trainer.history[:1]):
        assert lm.plot.history(run)._repr_png_().startswith(b"\x89PNG")
    views = lm.masking.sample(model.config, batch=2)
    lm.plot.views(data.crops(model.config, [1])[0], views, 1)
    with pytest.raises(ValueError, match=r"config=model\.config"):
        lm.plot.views(data.crops(model.config, [1])[0], lm.Views(views.visible, views.target, views.offsets))
    lm.plot.segments(data[0], lm.segment(model.encoder, data[0], 30))
    with pytest.raises(ValueError, match=r"\[3, 3\].*\[48, 56\]"):
        lm.plot.segments(data[0], np.zeros((3, 3), int))
    assert lm.plot.neighbors(model.encoder, data, [0, 5], 3, progress=False).shape == (2, 4)
    vectors = np.asfortranarray(lm.evaluate.features(model.encoder, data, progress=False))
    assert lm.plot.neighbors(model.encoder, data, np.int64(2), 3, features=vectors).shape == (2, 4)


def test_matplotlib_is_asked_for_in_words() -> None:
    """When a picture is drawn; all else goes without: help, completion, a star import."""
    code = """
import sys
sys.modules["matplotlib"] = None
import inspect
import latentmim as lm
from latentmim import *
inspect.getmembers(lm)
print("here")
lm.plot.history([{"step": 1}])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "here\n", run.stderr
    assert "pip install 'latentmim[plot]'" in run.stderr
