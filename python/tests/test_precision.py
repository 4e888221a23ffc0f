"""Precisions, and what measures them: features, gradients, refusals, profiles, `latentmim bench`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import latentmim as lm
from latentmim import bench, cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = {
    "width": 96, "depth": 3, "heads": 3, "grid": 5, "patch_size": 8, "patch_gap": 2, "num_visible": 5,
    "decoder_width": 64, "decoder_heads": 2, "projector_width": 192,
}  # fmt: skip

needs_bf16 = pytest.mark.skipif("bf16" not in lm.runtime.precisions(), reason="needs a processor with AVX512-BF16")


needs_int8 = pytest.mark.skipif("int8" not in lm.runtime.feature_precisions(), reason="needs a processor with AVX2")


@pytest.fixture
def model() -> lm.LatentMIM:
    return lm.LatentMIM(**SMALL, seed=3)


@pytest.fixture
def portable() -> Iterator[None]:
    """The instruction set that every machine has."""
    before = lm.runtime.instruction_set()
    lm.runtime.set_instruction_set("portable")
    yield
    lm.runtime.set_instruction_set(before)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 60, 60, 3), np.uint8)


def length(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum((value.astype(np.float64) ** 2).sum() for value in arrays.values())))


@needs_bf16
def test_features(model: lm.LatentMIM) -> None:
    """A rounding to bfloat16 moves a value by up to 2⁻⁹; some eight lie behind each other in three blocks."""
    images = pixels(3)[:, :40, :40]
    exact, rounded = (model.encoder.features(images, precision=p) for p in ("float32", "bf16"))
    error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    assert 0 < error < 3 * 8 * 2**-9
    assert np.array_equal(model.encoder.features(images), exact)
    pooled = model.encoder.pool(images, precision="bf16")
    assert np.allclose(pooled, rounded.mean(1), atol=1e-5)


@needs_bf16
def test_gradients(model: lm.LatentMIM) -> None:
    """Of the whole model. Some 70 roundings lie behind each other on the way to the loss and as many on the way back:
    8 in each of three encoder blocks, 4 in each projector layer, 12 in each of three decoder blocks. Independent ones
    of 2⁻⁹ add like their squares; three times that is not exceeded. Single tensors see fewer terms: thrice as much.
    """
    bound = 3 * np.sqrt(2 * (3 * 8 + 3 * 4 + 3 * 12)) * 2**-9
    crops = lm.Arrays(pixels(6)).crops(model.config, indices=range(6))
    views = lm.masking.sample(model.config, batch=6, seed=1)
    found = {}
    for precision in ("float32", "bf16"):
        model.zero_gradients()
        loss, _ = model.loss(crops, views, precision=precision)
        found[precision] = loss, model.gradients()
    (exact_loss, exact), (rounded_loss, rounded) = found["float32"], found["bf16"]
    assert rounded_loss == pytest.approx(exact_loss, rel=2**-9)
    difference = {name: rounded[name] - exact[name] for name in exact}
    assert 0 < length(difference) < bound * length(exact)
    for name, gradient in exact.items():
        assert np.linalg.norm(difference[name]) < 3 * bound * np.linalg.norm(gradient) + 1e-3 * length(exact), name


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_threads_and_repetition_give_the_same_bits(precision: str) -> None:
    """One, two and three threads, and once more."""
    before, runs = lm.thread_count(), []
    for threads in (1, 2, 3, 2):
        lm.set_thread_count(threads)
        model = lm.LatentMIM(**SMALL, seed=3)
        trainer = lm.Trainer(model, pixels(16), epochs=2, batch_size=8, precision=precision)
        steps = [metrics["loss"] for metrics in trainer]
        runs.append((steps, model.parameters()))
    lm.set_thread_count(before)
    for steps, parameters in runs[1:]:
        assert steps == runs[0][0]
        for name, value in parameters.items():
            assert np.array_equal(value, runs[0][1][name]), name


def test_what_auto_stands_for(model: lm.LatentMIM) -> None:
    trainer = lm.Trainer(model, pixels(8), epochs=1, batch_size=8)
    assert trainer.config.precision == lm.runtime.precisions()[-1]
    assert trainer.precision == lm.runtime.precisions()[-1]


@pytest.mark.usefixtures("portable")
def test_bf16_without_its_instructions_is_refused(model: lm.LatentMIM) -> None:
    wanted = r"precision is 'bf16', which needs a processor with AVX512-BF16: .*'portable'; wanted 'float32', or 'auto'"
    with pytest.raises(ValueError, match=wanted):
        lm.Trainer(model, pixels(8), epochs=1, batch_size=8, precision="bf16")
    with pytest.raises(ValueError, match=wanted):
        model.encoder.features(pixels(1)[:, :40, :40], precision="bf16")
    with pytest.raises(ValueError, match=wanted):
        lm.runtime.measure_peak("bf16", seconds=0.01)
    assert lm.Trainer(model, pixels(8), epochs=1, batch_size=8).precision == "float32"


def test_unknown_precisions_are_refused(model: lm.LatentMIM) -> None:
    with pytest.raises(ValueError, match=r"precision.* is 'fp16', wanted one of 'auto', 'float32', 'bf16'"):
        lm.Trainer(model, pixels(8), epochs=1, batch_size=8, precision="fp16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is 'half', wanted one of 'auto', 'float32', 'bf16'"):
        model.encoder.features(pixels(1)[:, :40, :40], precision="half")  # type: ignore[arg-type]


def test_profile_counts_what_is_computed(model: lm.LatentMIM) -> None:
    """Products of an encoder's pass: embedding, three blocks of N + 1 tokens, attention."""
    images, tokens, width = pixels(2)[:, :40, :40], 26, 96
    with lm.runtime.profile() as entries:
        model.encoder.features(images)
    flops = sum(entry.flops for entry in entries)
    block = 2 * tokens * 12 * width**2 + 4 * tokens**2 * width
    assert flops == 2 * (2 * (tokens - 1) * 8 * 8 * 3 * width + 3 * block)
    assert all(entry.seconds > 0 and entry.calls > 0 for entry in entries)
    with lm.runtime.profile() as nothing:
        pass
    assert nothing == []


def test_measurements() -> None:
    """Nothing is faster than the loop in registers, but for the clock's whims between two measurements."""
    peak = lm.runtime.measure_peak(seconds=0.05)
    product = lm.runtime.measure_product("forward", 300, 200, 100, seconds=0.05)
    assert 0 < product < 2 * peak
    with pytest.raises(ValueError, match="kind is 'backward'"):
        lm.runtime.measure_product("backward", 3, 2, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows is 0"):
        lm.runtime.measure_product("forward", 0, 2, 1)
    with pytest.raises(ValueError, match="seconds is -1"):
        lm.runtime.measure_peak(seconds=-1)


def test_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SHAPES", ((40, 33, 17),))
    path = tmp_path / "figures.json"
    assert cli.main(["bench", "--size", "vit_tiny", "--batch", "2", "--repeats", "1", "--json", str(path)]) == 0
    shown, found = capsys.readouterr().out, json.loads(path.read_text())
    assert "target encoder: linear" in shown
    assert "40, 33, 17" in shown
    assert {p["kind"] for p in found["products"]} == {"forward", "input_gradient", "weight_gradient"}
    assert {f["precision"] for f in found["steps"]} == set(lm.runtime.precisions())
    assert {f["precision"] for f in found["features"]} == set(lm.runtime.feature_precisions())
    for entry in found["steps"] + found["features"]:
        assert entry["images_per_second"] > 0
        assert entry["share"] > 0
    assert cli.main(["bench", "--parts", "speed"]) == 1
    assert "unknown speed" in capsys.readouterr().err


@needs_int8
def test_int8_features(model: lm.LatentMIM) -> None:
    """Tokens move a little, and not with their neighbours."""
    images = pixels(5)[:, :40, :40]
    beside = lm.runtime.precisions()[-1]
    exact, rounded, short = (
        model.encoder.features(images, layer=[1, 2, 3], precision=p) for p in ("float32", beside, "int8")
    )
    assert not any(np.array_equal(*both) for both in zip(short, rounded, strict=True))
    projected = [model.encoder.features(images, layer=1, projector=True, precision=p) for p in (beside, "int8")]
    assert 0 < np.abs(projected[1] - projected[0]).max() < 0.1
    cosine = (exact * short).sum(-1) / np.linalg.norm(exact, axis=-1) / np.linalg.norm(short, axis=-1)
    assert cosine.min() > 0.999
    alone = [model.encoder.features(image, layer=[1, 2, 3], precision="int8") for image in images]
    assert np.array_equal(np.stack(alone, 1), short)
    queries = model.encoder.features(images, layer=3, part="queries", precision="int8")
    assert not np.array_equal(queries, model.encoder.features(images, layer=3, part="queries", precision=beside))


@needs_int8
def test_int8_wherever_features_are_computed(model: lm.LatentMIM) -> None:
    data = lm.Arrays(pixels(12), np.arange(12) % 3)
    exact, short = (lm.evaluate.features(model.encoder, data, precision=p, progress=False) for p in ("float32", "int8"))
    assert 0 < np.abs(short - exact).max() < 0.1
    result = lm.evaluate.nearest_neighbor(model.encoder, data, precision="int8", progress=False)
    assert "int8" in str(result.to_dict())
    lm.segment(model.encoder, data[0][:56, :56], 2, precision="int8")
    lm.embed(model.encoder, data, precision="int8", progress=False)
    lm.spread(model.encoder, pixels(4)[:, :40, :40], precision="int8")
    assert lm.runtime.measure_product("forward", 64, 64, 64, precision="int8", seconds=0.01) > 0
    assert lm.runtime.measure_peak("int8", seconds=0.02) > 0


@needs_int8
def test_int8_is_not_of_fine_tuning_and_weight_gradients(model: lm.LatentMIM) -> None:
    data = lm.Arrays(pixels(12), np.arange(12) % 3)
    with pytest.raises(ValueError, match=r"precision.*int8.*wanted one of 'auto', 'float32', 'bf16'"):
        lm.evaluate.fine_tune(model.encoder, data, data, precision="int8", epochs=1, progress=False)
    assert lm.runtime.measure_product("input_gradient", 64, 64, 64, precision="int8", seconds=0.01) > 0
    with pytest.raises(ValueError, match="is not computed in int8"):
        lm.runtime.measure_product("weight_gradient", 64, 64, 64, precision="int8", seconds=0.01)


@pytest.mark.usefixtures("portable")
def test_int8_is_refused_without_its_instructions(model: lm.LatentMIM) -> None:
    assert "int8" not in lm.runtime.feature_precisions()
    with pytest.raises(ValueError, match=r"'int8', which needs a processor with AVX2.*portable"):
        model.encoder.features(pixels(1)[:, :40, :40], precision="int8")
