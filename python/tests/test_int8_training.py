"""Training in eight bits: of targets alone, and of values and input gradients of linear layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import latentmim as lm
from latentmim import cli

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif("int8" not in lm.runtime.feature_precisions(), reason="needs a processor with AVX2")

SMALL: dict[str, Any] = {
    "width": 96, "depth": 3, "heads": 3, "grid": 5, "patch_size": 8, "patch_gap": 2, "num_visible": 5,
    "decoder_width": 64, "decoder_heads": 2, "projector_width": 192,
}  # fmt: skip
# What is computed beside eight bits.
BESIDE = lm.runtime.precisions()[-1]
TARGETS, ALL = {"precision": BESIDE, "target_precision": "int8"}, {"precision": "int8"}
EITHER = pytest.mark.parametrize("options", [TARGETS, ALL], ids=["targets", "all"])

# An operand of eight bits is off by half a step at most, which is (largest / rms) / 254 of its length, or / 128
# without VNNI, where four weights of one sign, some twice the largest at most, fill the steps; errors spread evenly
# over the step have 1/√3 of that. Largest numbers of a row or column are some four times the rms.
STEP = 4 / ((254 if BESIDE == "bf16" else 128) * np.sqrt(3))
# Operands of eight bits on the way to the targets: two in each linear layer, two layers in the second block, four in
# the third and three in the projector; on the way to the loss besides them as many in the online encoder and 2 · 7 in
# each of three decoder blocks.
OF_TARGETS = 2 * (2 + 4 + 3)
OF_PREDICTIONS = OF_TARGETS + 3 * 2 * 7
# Roundings to bfloat16, as `test_precision` counts them.
OF_BF16 = 3 * 8 + 3 * 4 + 3 * 12


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 60, 60, 3), np.uint8)


def trainer(seed: int = 3, **options: Any) -> lm.Trainer:
    settings = {"epochs": 3, "batch_size": 8, "seed": 1, "base_learning_rate": 0.02, "progress": False}
    return lm.Trainer(lm.LatentMIM(**SMALL, seed=seed), pixels(16), **settings | options)


def length(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum((value.astype(np.float64) ** 2).sum() for value in arrays.values())))


def gradients(model: lm.LatentMIM, **options: Any) -> tuple[float, dict[str, np.ndarray]]:
    crops = lm.Arrays(pixels(6)).crops(model.config, indices=range(6))
    views = lm.masking.sample(model.config, batch=6, seed=1)
    model.zero_gradients()
    loss, _ = model.loss(crops, views, **options)
    return loss, model.gradients()


@pytest.mark.parametrize(
    ("options", "bytes_read", "halves"),
    [
        ({"precision": "float32", "target_precision": "int8"}, OF_TARGETS, 0),
        (TARGETS, OF_TARGETS, 2 * OF_BF16),
        (ALL, OF_TARGETS + 2 * OF_PREDICTIONS, 2 * OF_BF16),
    ],
    ids=["targets beside float32", "targets", "all"],
)
def test_gradients(options: dict[str, Any], bytes_read: int, halves: int) -> None:
    """Independent errors of operands add like their squares; three times that is not exceeded, single tensors see fewer
    terms: thrice as much. Of targets errors come into the loss once, of all else on the way back, too.
    """
    bound = 3 * np.sqrt(bytes_read * STEP**2 + halves * 2**-18)
    model = lm.LatentMIM(**SMALL, seed=3)
    exact_loss, exact = gradients(model)
    loss, found = gradients(model, **options)
    assert loss == pytest.approx(exact_loss, rel=STEP)
    difference = {name: found[name] - exact[name] for name in exact}
    assert 0 < length(difference) < bound * length(exact)
    for name, gradient in exact.items():
        assert np.linalg.norm(difference[name]) < 3 * bound * np.linalg.norm(gradient) + 1e-3 * length(exact), name


def test_gradients_of_weights_are_as_beside_eight_bits() -> None:
    """What lies behind the last eight bits: the decoder's head gets its gradient as without."""
    model = lm.LatentMIM(**SMALL, seed=3)
    _, short = gradients(model, precision=BESIDE, target_precision="int8")
    _, same = gradients(model, precision=BESIDE, target_precision=BESIDE)
    _, plain = gradients(model, precision=BESIDE)
    for name in plain:
        assert np.array_equal(same[name], plain[name]), name
    assert not np.array_equal(short["decoder.head.weight"], plain["decoder.head.weight"])


@EITHER
def test_steps_are_near_those_without(options: dict[str, str]) -> None:
    losses = {}
    for name, chosen in {"beside": {"precision": BESIDE}, "int8": options}.items():
        losses[name] = np.array([metrics["loss"] for metrics in trainer(**chosen)])
    assert not np.array_equal(losses["beside"], losses["int8"])
    np.testing.assert_allclose(losses["int8"], losses["beside"], rtol=0.01)


@EITHER
def test_threads_and_recomputed_blocks_give_the_same_bits(options: dict[str, str]) -> None:
    before, runs = lm.thread_count(), []
    for threads, recompute in ((1, False), (2, False), (3, False), (2, True)):
        lm.set_thread_count(threads)
        made = trainer(recompute=recompute, **options)
        runs.append(([metrics["loss"] for metrics in made], made.model.parameters()))
    lm.set_thread_count(before)
    for losses, parameters in runs[1:]:
        assert losses == runs[0][0]
        for name, value in parameters.items():
            assert np.array_equal(value, runs[0][1][name]), name


@EITHER
def test_a_resumed_run_goes_on_bit_by_bit(options: dict[str, str], tmp_path: Path) -> None:
    whole, first, second = (trainer(**options) for _ in range(3))
    for _ in whole:
        pass
    for _ in range(2):
        first.step()
    first.save(tmp_path / "state.safetensors")
    second.restore(tmp_path / "state.safetensors")
    for _ in second:
        pass
    for name, value in whole.model.parameters().items():
        assert np.array_equal(second.model.parameters()[name], value), name


def test_the_precision_of_targets_is_of_the_run(tmp_path: Path) -> None:
    first = trainer(**TARGETS)
    assert (first.config.precision, first.config.target_precision) == (BESIDE, "int8")
    first.save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match='target_precision is "int8" there, null here'):
        trainer(precision=BESIDE).restore(tmp_path / "state.safetensors")
    trainer(**ALL).save(tmp_path / "all.safetensors")
    # "auto" is no precision of its own: the run goes on at the one it began with.
    again = trainer()
    again.restore(tmp_path / "all.safetensors")
    assert again.precision == "int8"
    assert trainer().precision == BESIDE


def test_what_it_needs_is_said(tmp_path: Path) -> None:
    trainer(**ALL).save(tmp_path / "all.safetensors")
    trainer(**TARGETS).save(tmp_path / "targets.safetensors")
    before = lm.runtime.instruction_set()
    needs = r"needs a processor with AVX2.*'portable'"
    try:
        lm.runtime.set_instruction_set("portable")
        for option in ("precision", "target_precision"):
            with pytest.raises(ValueError, match=rf"^{option} is 'int8', which {needs}; wanted 'float32', or"):
                trainer(**{option: "int8"})
        for name, option in (("all", "precision"), ("targets", "target_precision")):
            with pytest.raises(ValueError, match=rf"belongs to a run with {option} 'int8', which {needs}"):
                trainer().restore(tmp_path / f"{name}.safetensors")
        with pytest.raises(ValueError, match=rf"^target_precision is 'int8', which {needs}"):
            gradients(lm.LatentMIM(**SMALL), target_precision="int8")
    finally:
        lm.runtime.set_instruction_set(before)


@pytest.mark.parametrize(
    "model", [{"target_encoder": "joint"}, {"target_depth": 0}, {"target_encoder": "random_projection"}]
)
def test_targets_without_a_precision_of_their_own(model: dict[str, Any]) -> None:
    preset = {"target_depth": {"preset": "mae"}}.get(next(iter(model)), {})
    made = lm.LatentMIM(**SMALL | ({} if preset else model) | preset)
    wanted = "target_precision is 'int8', wanted null: targets of this model are no encoder's, or get a gradient"
    with pytest.raises(ValueError, match=wanted):
        lm.Trainer(made, pixels(8), epochs=1, batch_size=8, target_precision="int8")
    with pytest.raises(ValueError, match=wanted):
        gradients(made, target_precision="int8")


def test_unknown_precisions_of_targets_are_refused() -> None:
    for name in ("auto", "int4"):
        with pytest.raises(
            ValueError, match=rf"target_precision.* is '{name}', wanted one of 'float32', 'bf16', 'int8'"
        ):
            trainer(target_precision=name)


@pytest.mark.parametrize("teacher", ["siamese", "momentum"])
def test_targets_of_other_encoders(teacher: str) -> None:
    model = lm.LatentMIM(**SMALL | {"target_encoder": teacher}, seed=3)
    losses = [gradients(model, target_precision=p)[0] for p in (None, "int8")]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=STEP)


def test_command(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, image in enumerate(pixels(8)):
        (folder / f"{index}.ppm").write_bytes(b"P6 60 60 255\n" + image.tobytes())
    small = [f"--set={name}={value}" for name, value in SMALL.items()]
    arguments = ["pretrain", str(folder), "--out", str(tmp_path / "run"), "--epochs", "1", "--batch-size", "4", *small]
    assert cli.main([*arguments, "--precision", BESIDE, "--target-precision", "int8"]) == 0
    assert json.loads((tmp_path / "run/config.json").read_text())["training"]["target_precision"] == "int8"
