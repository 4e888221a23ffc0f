"""The lists of options are the core's: names, kinds and choices in Python are checked against them."""

import inspect
import json
import types
from collections.abc import Callable
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from conftest import SMALL

import latentmim as lm
from latentmim import _latentmim as native
from latentmim import cli, config
from latentmim.data import Dataset
from latentmim.encoder import Pooling
from latentmim.evaluate.features import FeatureOptions, ImageOptions
from latentmim.evaluate.running import FUNCTIONS as FUNCTION_NAMES

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(lm.evaluate, function) for name, function in FUNCTION_NAMES.items()
}
BESIDE = {"encoder", "dataset", "train", "test", "progress", "comm", "features", "indices", "out"}


def listed(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(native.options(name))
    return found


def hints(thing: Any) -> dict[str, Any]:
    """Types by name, those that are imported for checking only among them."""
    import collections.abc

    from numpy.typing import ArrayLike

    names = {"Sequence": collections.abc.Sequence, "ArrayLike": ArrayLike, "Precision": config.Precision,
             "TuningPrecision": config.TuningPrecision, "Any": Any,
             "Encoder": lm.Encoder, "PathLike": str, "FloatArray": np.ndarray, "Dataset": Dataset, "Result": object,
             "Images": object, "FineTuned": object, "Literal": Literal, "Unpack": Unpack}  # fmt: skip
    module = inspect.getmodule(thing)
    return get_type_hints(thing, vars(module) | names, names)


def check_type(name: str, annotation: Any, option: dict[str, Any]) -> None:
    """A Python annotation says what the core takes."""
    parts = list(get_args(annotation)) if get_origin(annotation) in (Union, types.UnionType) else [annotation]
    parts = [part for part in parts if part is not type(None)]
    choices = {word for part in parts if get_origin(part) is Literal for word in get_args(part)}
    assert choices == set(option.get("choices", [])), name
    if option["type"] == "choice":
        return
    kinds = {"integer": int, "number": float, "flag": bool, "text": str, "sides": int}
    parts = [part for part in parts if get_origin(part) is not Literal]
    inner = {leaf for part in parts for leaf in (get_args(part) or [part])} - {Ellipsis}
    assert inner == {kinds[option["type"]]}, f"{name}: {annotation}"
    assert not option["list"] or any(get_args(part) for part in parts), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_protocols_have_the_cores_options(name: str) -> None:
    signature, core = inspect.signature(FUNCTIONS[name]), listed(name)
    own = [parameter for parameter in signature.parameters if parameter not in BESIDE]
    assert set(own) == core.keys()
    types_there = hints(FUNCTIONS[name])
    for option in own:
        assert signature.parameters[option].default is None, f"{option}: the default is the core's"
        check_type(option, types_there[option], core[option])
    documented = inspect.getdoc(FUNCTIONS[name])
    assert documented is not None
    assert all(f"\n    {option}: " in documented for option in own)


def test_options_without_labels_are_the_cores() -> None:
    core, signature = listed("without_labels"), inspect.signature(lm.evaluate.without_labels)
    own = [name for name in signature.parameters if name not in {"encoder", "data", "progress", "comm", "features"}]
    assert set(own) == core.keys()
    for option in own:
        assert signature.parameters[option].default is None, f"{option}: the default is the core's"
        check_type(option, hints(lm.evaluate.without_labels)[option], core[option])


def test_feature_options_are_the_cores() -> None:
    core = listed("features")
    assert hints(FeatureOptions).keys() == core.keys()
    assert hints(ImageOptions).keys() <= core.keys()
    signature, annotations = inspect.signature(lm.evaluate.features), hints(lm.evaluate.features)
    assert signature.parameters.keys() - BESIDE == core.keys()
    for option in core:
        assert signature.parameters[option].default is None
        check_type(option, annotations[option], core[option])
        check_type(option, hints(FeatureOptions)[option], core[option])
    assert set(get_args(Pooling)) < set(core["pooling"]["choices"])


def test_options_of_other_projects_weights_are_the_cores() -> None:
    signature, core = inspect.signature(lm.load_encoder), listed("pretrained")
    # Python's reader of .pth files says where the file lay.
    assert signature.parameters.keys() - {"weights", "options"} == core.keys() - {"beside"}
    assert all(signature.parameters[option].default is None for option in core.keys() - {"beside"})


@pytest.mark.parametrize(("name", "options"), [("model", config.ModelOptions), ("training", config.TrainingOptions)])
def test_configurations_have_the_cores_choices(name: str, options: Any) -> None:
    core, annotations = listed(name), hints(options)
    for option, annotation in annotations.items():
        if option in core:
            check_type(option, annotation, core[option])
    resolved = json.loads((native.model_options if name == "model" else native.training_options)("{}"))
    beside = {"warmup_epochs"}
    assert {key: value for key, value in resolved.items() if key not in beside} == {
        key: option["default"] for key, option in core.items() if key not in beside
    }


def test_lists_have_names() -> None:
    with pytest.raises(ValueError, match=r"no list 'nonsense', wanted one of .*'features', 'few_shot'"):
        native.options("nonsense")


@pytest.mark.parametrize("name", ["knn", "knn_uniform", "linear", "few_shot"])
def test_every_range_is_checked(name: str) -> None:
    rows = lm.evaluate.Features(np.eye(8, dtype=np.float32), np.arange(8) % 2)
    for option, core in listed(name).items():
        for bound, step in (("least", -1), ("largest", 1)):
            if bound not in core or abs(core[bound]) > 1e18:
                continue
            beyond = core[bound] + step
            value = [beyond] if core["list"] else beyond
            with pytest.raises(ValueError, match=rf"^{name}: {option} is .*{core[bound]}"):
                FUNCTIONS[name](None, rows, rows, **{option: value})


def test_unknown_options_are_explained(model: lm.LatentMIM, tmp_path: Any, capsys: Any) -> None:
    rows = lm.evaluate.Features(np.eye(8, dtype=np.float32), np.arange(8) % 2)
    with pytest.raises(ValueError, match=r"^knn: unknown option 'neighbours'"):
        lm.evaluate.knn(None, rows, rows, neighbours=5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"^nearest_neighbor: unknown option 'k'"):
        lm.evaluate.nearest_neighbor(None, rows, k=5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"unknown option 'num_heads'; did you mean 'heads'") as caught:
        lm.LatentMIM(num_heads=3)
    assert len(str(caught.value)) < 120
    images = np.zeros((2, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match=r"^fine_tune: unknown option 'epoch'; did you mean 'epochs'"):
        lm.evaluate.fine_tune(model.encoder, images, images, epoch=3)  # type: ignore[call-arg]
    weights = tmp_path / "encoder.safetensors"
    model.encoder.save(weights)
    folder = tmp_path / "photos"
    for name in "ab":
        (folder / name).mkdir(parents=True)
    from PIL import Image

    for index in range(6):
        Image.new("RGB", (40, 40), (40 * index, 90, 120)).save(folder / "ab"[index % 2] / f"{index}.jpg")
    assert cli.main(["evaluate", str(weights), str(folder), "--set", "size=24", "--set", "short_side=0"]) == 0
    assert "whole image as 24×24" in capsys.readouterr().out
    assert cli.main(["evaluate", str(weights), str(folder), "--set", "sizes=24"]) == 1
    assert "--protocol nn: unknown option 'sizes'; did you mean 'size'?" in capsys.readouterr().err


@pytest.mark.parametrize("preset", config.PRESETS)
def test_a_configuration_given_again_is_the_same(preset: Any) -> None:
    """What has no value in it has none again, and is not what would stand where nothing is given."""
    small: dict[str, Any] = {name: value for name, value in SMALL.items() if name != "num_visible"}
    small |= {"grid": 6, "depth": 8}
    chosen = lm.ModelConfig.resolve(preset=preset, **small)
    for other in config.PRESETS:
        assert lm.ModelConfig.resolve(preset=other, **chosen.to_dict()) == chosen
    assert lm.LatentMIM(**chosen.to_dict()).config == chosen
    training = lm.TrainingConfig.resolve(preset=preset, epochs=3, batch_size=4)
    for other in config.PRESETS:
        assert lm.TrainingConfig.resolve(preset=other, **training.to_dict()) == training
    teacher = lm.LatentMIM(**small, seed=3).encoder
    taught = lm.LatentMIM(**small, teacher=teacher).config
    assert lm.LatentMIM(**taught.to_dict(), teacher=teacher).config == taught
