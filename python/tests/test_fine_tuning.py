"""Fine-tuning: steps against JAX, determinism, what it gives and refuses, the command line."""

import signal
import threading
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL, pixels
from safetensors.numpy import load_file

import latentmim as lm
import reference
from latentmim import cli
from reference.layers import layer_norm, linear
from reference.networks import block_outputs

PLAIN: dict[str, Any] = {
    "mixup": 0, "cutmix": 0, "rand_augment": False, "drop_path": 0, "precision": "float32", "progress": False,
}  # fmt: skip


def one_colour(count: int, classes: int, seed: int = 0) -> lm.Arrays:
    """Images of one colour each: every crop of them is the same."""
    colours = np.random.default_rng(seed).integers(20, 235, (count, 1, 1, 3), dtype=np.uint8)
    return lm.Arrays(np.broadcast_to(colours, (count, 32, 40, 3)).copy(), np.arange(count) % classes)


def reference_losses(encoder: lm.Encoder, data: lm.Arrays, options: dict[str, Any], steps: int) -> list[float]:
    """The losses of steps on the whole set, in float64: AdamW (.9, .999), decay, layer-wise rates, no warm-up."""
    config = reference.configuration(**SMALL)
    path = Path(options["path"])
    encoder.save(path)
    stored = {name: value.astype(np.float64) for name, value in load_file(path).items() if "pos_embed" not in name}
    params = {name: value for name, value in stored.items() if ".head." not in name}
    params |= {"head.norm.weight": np.ones(48), "head.norm.bias": np.zeros(48)}
    params |= {"head.linear.weight": np.zeros((3, 48)), "head.linear.bias": np.zeros(3)}
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    colours = (np.stack([data[i] for i in range(len(data))])[:, 0, 0] - mean) / std
    patches = np.broadcast_to(np.tile(colours, (1, 64))[:, None], (len(data), 20, 192))
    cells = np.broadcast_to(np.arange(20), (len(data), 20))
    goals = np.eye(3)[data.labels] * (1 - options["label_smoothing"]) + options["label_smoothing"] / 3

    def loss(params: Any) -> Any:
        tokens = block_outputs(params, "encoder", jnp.asarray(patches), jnp.asarray(cells), config)[-1]
        pooled = layer_norm(params, "head.norm", tokens[:, 1:].mean(axis=1))
        logits = linear(params, "head.linear", pooled)
        return -(goals * jax.nn.log_softmax(logits)).sum(-1).mean()

    def layer(name: str) -> int:
        if name.startswith("encoder.blocks."):
            return int(name.split(".")[2]) + 1
        return 0 if name.startswith(("encoder.embed", "encoder.cls")) else 3

    both = jax.jit(jax.value_and_grad(loss))
    first = {name: np.zeros_like(value) for name, value in params.items()}
    second = {name: np.zeros_like(value) for name, value in params.items()}
    losses = []
    for step in range(steps):
        value, gradients = both(params)
        losses.append(float(value))
        peak = options["base_learning_rate"] * len(data) / 256
        rate = 1e-6 + (peak - 1e-6) * (1 + np.cos(np.pi * step / steps)) / 2
        for name, gradient in gradients.items():
            if name.startswith("encoder.norm"):
                continue
            scaled = rate * options["layer_decay"] ** (3 - layer(name))
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            mean_hat, square_hat = first[name] / (1 - 0.9 ** (step + 1)), second[name] / (1 - 0.999 ** (step + 1))
            decay = 0.05 if params[name].ndim > 1 and "cls_token" not in name else 0
            params[name] = params[name] * (1 - scaled * decay) - scaled * mean_hat / (np.sqrt(square_hat) + 1e-8)
    return losses


def test_steps_against_jax(model: lm.LatentMIM, tmp_path: Path) -> None:
    """Eight steps of batches of the whole set; nothing random is left but the order, which does not count."""
    jax.config.update("jax_enable_x64", True)
    data = one_colour(36, 3)
    options: dict[str, Any] = {
        "base_learning_rate": 0.02, "label_smoothing": 0.1, "layer_decay": 0.6, "batch_size": 36, "epochs": 8,
        "warmup_epochs": 0, "init_std": 0,
    }  # fmt: skip
    found = lm.evaluate.fine_tune(model.encoder, data, data, **options, **PLAIN)
    wanted = reference_losses(model.encoder, data, options | {"path": tmp_path / "encoder.safetensors"}, 8)
    # AdamW divides gradients by their size: relative roundings of single small ones count fully, but there are many.
    assert np.allclose(found.result.losses, wanted, rtol=2e-4)
    assert wanted[0] == pytest.approx(np.log(3))
    assert wanted[-1] < 1.0


def noisy(count: int, seed: int) -> lm.Arrays:
    return lm.Arrays(pixels(count, 40, 48, seed=seed), np.arange(count) % 3)


def test_what_it_gives(model: lm.LatentMIM, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 24,
        "seed": 3,
        "erasing_probability": 0.25,
        "progress": False,
        "mixup": 0.8,
    }
    train, test = noisy(50, 0), noisy(20, 1)
    before = model.encoder.pool(pixels(20, 40, 48, seed=1)[:, :32, :40])
    found = lm.evaluate.fine_tune(model.encoder, train, test, evaluate_every=2, **options)
    assert list(found.result.history) == ["epoch 2", "epoch 3"]
    assert float(found) == found.accuracy == found.result.history["epoch 3"]
    assert found.accuracy == (found.result.predictions == test.labels).mean()
    assert str(found) == found.result.row()
    assert "fine_tune, small | last block, before norm, mean | 50 train, 20 test images | 3 |" in str(found)
    assert len(found.result.losses) == 6
    assert found.result.options["layer_decay"] == 0.75
    assert np.array_equal(model.encoder.pool(pixels(20, 40, 48, seed=1)[:, :32, :40]), before)
    assert found.encoder.config.projector == "none"
    found.encoder.save(tmp_path / "tuned.safetensors")
    images = pixels(2, 32, 40)
    again = lm.load_encoder(tmp_path / "tuned.safetensors")
    assert np.array_equal(again.features(images), found.encoder.features(images))
    assert not np.allclose(found.encoder.features(images), model.encoder.features(images), atol=1e-3)


def test_threads_and_seeds(model: lm.LatentMIM) -> None:
    options: dict[str, Any] = {"epochs": 2, "batch_size": 20, "mixup": 0.8, "cutmix": 1, "rand_augment": True}
    options["progress"] = False
    runs = []
    before = lm.runtime.thread_count()
    try:
        for threads, seed in ((1, 0), (2, 0), (2, 1)):
            lm.runtime.set_thread_count(threads)
            found = lm.evaluate.fine_tune(model.encoder, noisy(40, 0), noisy(10, 1), seed=seed, **options)
            runs.append(found.result.losses)
    finally:
        lm.runtime.set_thread_count(before)
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[1], runs[2])


@pytest.mark.parametrize("pooling", ["cls", "max", "topk_mean"])
def test_poolings(model: lm.LatentMIM, pooling: Any) -> None:
    data = one_colour(24, 3)
    options: dict[str, Any] = {"batch_size": 24, "epochs": 30, "base_learning_rate": 0.05, "layer_decay": 1.0}
    found = lm.evaluate.fine_tune(model.encoder, data, data, pooling=pooling, pooling_k=4, **options, **PLAIN)
    assert found.result.tap.startswith(f"last block, before norm, {pooling}")
    assert found.result.losses[-1] < 0.8 * found.result.losses[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"drop_path": 1}, "drop_path is 1"), ({"mixup": -1}, "mixup is -1"), ({"batch_size": 99}, "batch_size is 99"),
        ({"preset": "in22k"}, "'in22k', wanted one of 'in100'"), ({"layer_decay": 0}, "layer_decay is 0"),
        ({"epochs": 2, "warmup_epochs": 2}, "warmup_epochs is 2"), ({"norm": True}, "before the final norm"),
        ({"precision": "half"}, "'half'"), ({"pooling": "topk_mean", "pooling_k": 21}, "k is 21"),
    ],
)  # fmt: skip
def test_what_it_refuses(model: lm.LatentMIM, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lm.evaluate.fine_tune(model.encoder, noisy(30, 0), noisy(9, 1), progress=False, **options)


def test_labels_and_types(model: lm.LatentMIM) -> None:
    with pytest.raises(ValueError, match="training set has no labels"):
        lm.evaluate.fine_tune(model.encoder, lm.Arrays(pixels(9)), noisy(9, 1), progress=False)
    with pytest.raises(TypeError, match="encoder"):
        lm.evaluate.fine_tune(model, noisy(9, 0), noisy(9, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no training set"):
        lm.evaluate.suite(model, None, noisy(9, 1), fine_tune=True, progress=False)


def test_interrupted(model: lm.LatentMIM) -> None:
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        lm.evaluate.fine_tune(model.encoder, noisy(60, 0), noisy(9, 1), epochs=100_000, progress=False)


def test_in_the_suite_when_asked_for(model: lm.LatentMIM) -> None:
    report = lm.evaluate.suite(model, noisy(70, 0), noisy(30, 1), fine_tune=True, progress=False)
    assert report.results[-1].protocol == "fine_tune"
    assert str(report["fine_tune"]) in report.markdown()


def test_command_line(model: lm.LatentMIM, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, tuned = tmp_path / "encoder.safetensors", tmp_path / "tuned.safetensors"
    model.encoder.save(weights)
    arguments = ["evaluate", str(weights), str(folder), "--train", str(folder)]
    chosen = [*arguments, "--protocol", "fine_tune", "--set", "epochs=1", "--set", "batch_size=6", "--seed", "4"]
    assert cli.main([*chosen, "--out", str(tuned)]) == 0
    assert "| fine_tune, small |" in capsys.readouterr().out
    assert lm.load_encoder(tuned).config.width == 48
    assert cli.main([*arguments, "--out", str(tuned)]) == 1
    assert "--out: is no option of --protocol nn, only of fine_tune, davis" in capsys.readouterr().err
