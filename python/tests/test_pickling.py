"""Models and encoders pickled, copied and sent to other processes: the same features, bit by bit."""

import copy
import json
import multiprocessing
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pretrained
import pytest
import test_named_encoders as named
from conftest import SMALL, pixels

import latentmim as lm

WAYS: dict[str, Callable[[Any], Any]] = {
    **{f"protocol {number}": lambda x, n=number: pickle.loads(pickle.dumps(x, n)) for number in (2, 4, 5)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def encoders(name: str) -> lm.Encoder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in pretrained.CASES:
            make, _ = pretrained.CASES[name]
            return lm.load_encoder(make(np.random.default_rng(1))[1], heads=pretrained.HEADS, mean=(0.1, 0.2, 0.3))
        if name in named.TRANSFORMERS:
            return lm.load_encoder(named.weights(name), **options_of(name))
        return lm.LatentMIM(**SMALL, **OPTIONS[name], seed=3).encoder


def options_of(name: str) -> dict[str, Any]:
    """What a configuration beside the weights would say."""
    config = json.loads(str(named.STORED[f"{name}/config"]))
    return named.PIXELS | {"heads": config.get("num_attention_heads") or config["vision_config"]["num_attention_heads"]}


OPTIONS: dict[str, dict[str, Any]] = {
    "own": {},
    "own, no projector": {"projector": "none"},
    "own, grey": {"channels": 1},
    "own, LoRA": {"lora_rank": 2},
    "own, MAE": {"preset": "mae"},
}


def same(one: lm.Encoder, other: lm.Encoder) -> None:
    """In every layer, with positions of another size, pooled, and of normalised pixels."""
    config = one.config
    side = config.patch_size
    images = pixels(2, config.grid[0] * side, config.grid[1] * side, config.channels)
    larger = pixels(2, (config.grid[0] + 1) * side, (config.grid[1] + 2) * side, config.channels)
    assert (one.family, one.has_class_token, one.grid(larger)) == (
        other.family,
        other.has_class_token,
        other.grid(larger),
    )
    layers = list(range(config.depth + 1))
    for given in (images, larger):
        wanted = one.features(given, layer=layers, class_token=one.has_class_token)
        assert np.isfinite(wanted).all()
        assert np.array_equal(other.features(given, layer=layers, class_token=one.has_class_token), wanted)
        assert np.array_equal(other.pool(given), one.pool(given))
        assert np.array_equal(other.attention(given), one.attention(given))
    assert repr(one) == repr(other)


@pytest.mark.parametrize("name", [*OPTIONS, *pretrained.CASES, *named.TRANSFORMERS])
def test_encoders(name: str) -> None:
    encoder = encoders(name)
    for way in WAYS.values():
        other = way(encoder)
        assert type(other) is lm.Encoder and other is not encoder
        same(encoder, other)
        if encoder.config.lora_rank == 0:
            assert other.config == encoder.config
    if encoder.family == "latentmim" and encoder.config.projector != "none":
        images = pixels(2, *encoder.config.image_size, encoder.config.channels)
        wanted = encoder.features(images, projector=True)
        assert np.array_equal(pickle.loads(pickle.dumps(encoder)).features(images, projector=True), wanted)


def test_of_a_model_that_is_trained_on(model: lm.LatentMIM) -> None:
    images, encoder = pixels(16), model.encoder
    before = encoder.features(images[:1])
    shared, apart, pickled = copy.copy(encoder), copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))
    copied, own = copy.copy(model), copy.deepcopy(model)
    lm.Trainer(model, images, epochs=1, batch_size=8, progress=False).fit()
    after = encoder.features(images[:1])
    assert not np.array_equal(before, after)
    for changed in (shared, copied.encoder):
        assert np.array_equal(changed.features(images[:1]), after)
    for left in (apart, pickled, own.encoder, copy.deepcopy(pickled)):
        assert np.array_equal(left.features(images[:1]), before)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [{}, {"preset": "mae"}, {"preset": "data2vec", "target_layers": 2}, {"lora_rank": 2}, {"projector": "online"}],
)
def test_models(options: dict[str, Any], way: str) -> None:
    model = lm.LatentMIM(**SMALL | options, seed=4)
    other = WAYS[way](model)
    assert other.config == model.config and repr(other) == repr(model)
    found, wanted = other.parameters(), model.parameters()
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    same(model.encoder, other.encoder)
    views = lm.masking.sample(model.config, batch=4)
    crops = lm.Arrays(pixels(4)).crops(model.config)
    assert other.loss(crops, views) == model.loss(crops, views)


@pytest.mark.parametrize("given", ["made", "loaded"])
def test_a_teacher_goes_with_its_model(tmp_path: Path, given: str) -> None:
    teacher = lm.LatentMIM(**SMALL, seed=5).encoder
    options = {name: value for name, value in SMALL.items() if not name.startswith("projector")}
    model = lm.LatentMIM(**options, target_encoder="frozen", teacher=teacher, seed=6)
    if given == "loaded":
        model.save(tmp_path / "m.safetensors")
        model = lm.LatentMIM.load(tmp_path / "m.safetensors", teacher=teacher)
    views = lm.masking.sample(model.config, batch=4)
    crops = lm.Arrays(pixels(4)).crops(model.config)
    for way in WAYS.values():
        assert way(model).loss(crops, views) == model.loss(crops, views)


class Named(lm.LatentMIM):
    """A model with something of its own."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(**options)
        self.name = name


def test_what_others_add_goes_along(model: lm.LatentMIM) -> None:
    named = Named("mine", **SMALL)
    encoder = model.encoder
    encoder.note = "ours"  # type: ignore[attr-defined]
    for way in WAYS.values():
        assert type(way(named)) is Named and way(named).name == "mine"
        assert way(encoder).note == "ours"
    both = pickle.loads(pickle.dumps([encoder, encoder]))
    assert both[0] is both[1]


def features_of(encoder: lm.Encoder, images: np.ndarray) -> np.ndarray:
    return encoder.features(images)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_in_other_processes(model: lm.LatentMIM, method: str) -> None:
    foreign = encoders("transformers/dinov2")
    tasks = [(encoder, pixels(2, *encoder.config.image_size)) for encoder in (model.encoder, foreign)]
    with multiprocessing.get_context(method).Pool(1) as pool:
        found = pool.starmap(features_of, tasks)
    for rows, (encoder, images) in zip(found, tasks, strict=True):
        assert np.array_equal(rows, encoder.features(images))


def test_what_does_not_pickle(model: lm.LatentMIM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = lm.Trainer(model, pixels(16), epochs=1, batch_size=8)
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"^Trainer: cannot be pickled or copied; pickle `trainer.model`; to go on"):
            call(trainer)
        with pytest.raises(TypeError, match=r"^AdamW: cannot be pickled or copied; pickle the model"):
            call(lm.AdamW(model))
    pickled = pickle.dumps(model.encoder)
    with pytest.raises((ValueError, EOFError, pickle.UnpicklingError)):
        pickle.loads(pickled[:-2000] + bytes(1000))
    state = model.encoder.__getstate__()
    for content in (state["weights"][:-100], b"", b"nonsense"):
        with pytest.raises(ValueError, match=r"weights\.safetensors"):
            lm.Encoder.__new__(lm.Encoder).__setstate__(state | {"weights": content})
