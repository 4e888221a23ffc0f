"""Models that begin as an encoder that exists, what of it is trained, teachers, and runs that become longer."""

import warnings
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pretrained
import pytest
from conftest import SMALL, pixels
from pretrained import CASES, GRID, PATCH, WIDTH, forward
from test_against_reference import random_images
from test_named_encoders import NAMES, PIXELS
from test_named_encoders import weights as weights_of
from test_pretrained_encoders import RULES, load

import latentmim as lm
import reference
from latentmim import cli
from latentmim.runs import read_metrics

# beside an encoder of `pretrained`
BESIDE: dict[str, Any] = {
    "patch_gap": 2, "num_visible": 5, "decoder_width": 32, "decoder_heads": 4, "projector_width": 40,
}  # fmt: skip
TRAINING: dict[str, Any] = {"batch_size": 8, "base_learning_rate": 0.02, "progress": False}


def published(name: str = "timm", seed: int = 0) -> tuple[lm.Encoder, pretrained.Weights]:
    make, _ = CASES[name]
    weights, checkpoint = make(np.random.default_rng(seed))
    return load(checkpoint), weights


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", ["timm", "without_class_embedding", "dinov2", "ijepa"])
def test_a_model_begins_as_a_published_encoder(name: str, tmp_path: Path) -> None:
    encoder, weights = published(name)
    model = lm.LatentMIM(init=encoder, grid=GRID, **BESIDE)
    images = pixels(3, GRID * PATCH, GRID * PATCH)
    assert np.array_equal(model.encoder.features(images), encoder.features(images))
    config = model.config
    assert (config.width, config.depth, config.heads, config.patch_size) == (WIDTH, 2, 3, PATCH)
    assert (config.class_token, config.registers) == ("cls_token" in weights, 3 * (name in ("timm", "dinov2")))
    assert config.learn_positions and config.mlp_ratio == 4
    parameters = model.parameters()
    for name, value in parameters.items():
        if name.startswith("target_encoder."):
            assert np.array_equal(value, parameters[name.removeprefix("target_")]), name
    # In files, too.
    model.save(tmp_path / "model.safetensors")
    model.encoder.save(tmp_path / "encoder.safetensors")
    for file in tmp_path.iterdir():
        assert np.array_equal(lm.load_encoder(file).features(images), encoder.features(images))
    again = lm.LatentMIM(init=tmp_path / "encoder.safetensors")
    assert np.array_equal(again.encoder.features(images), encoder.features(images))


def test_positions_are_those_of_the_models_grid() -> None:
    encoder, _ = published()
    images = pixels(2, 3 * PATCH, 6 * PATCH)
    model = lm.LatentMIM(init=encoder, grid=(3, 6), **BESIDE)
    assert np.array_equal(model.encoder.features(images), encoder.features(images))


def test_the_decoder_does_not_see_registers() -> None:
    """Moving what only registers hold moves no shape: a step can be taken, and registers learn by what patches saw."""
    encoder, _ = published()
    model = lm.LatentMIM(init=encoder, grid=GRID, **BESIDE)
    before = model.parameters()
    lm.Trainer(model, pixels(8), epochs=1, **TRAINING).step()
    moved = {name for name, value in model.parameters().items() if not np.array_equal(value, before[name])}
    assert {"encoder.register_tokens", "encoder.pos_embed.pos_embeds", "decoder.head.weight"} <= moved


def test_a_model_goes_on_from_its_encoder_alone(tmp_path: Path) -> None:
    first = lm.LatentMIM(**SMALL, preset="paper", seed=4, positions="index", projector="both")
    first.encoder.save(tmp_path / "encoder.safetensors")
    model = lm.LatentMIM(init=tmp_path / "encoder.safetensors", seed=5)
    assert model.config == first.config
    ours, theirs = model.parameters(), first.parameters()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours if name.startswith("encoder."))
    assert not np.array_equal(ours["decoder.head.weight"], theirs["decoder.head.weight"])
    images = pixels(2, 32, 40)
    learned = lm.LatentMIM(init=first.encoder, learn_positions=True)
    assert np.array_equal(learned.encoder.features(images), first.encoder.features(images))
    # With a preset, that says the rest; masks of another grid keep their share.
    assert lm.LatentMIM(init=first.encoder, preset="official", grid=4).config.similarity_form == "batch"
    assert lm.LatentMIM(init=first.encoder, grid=(8, 5)).config.num_visible == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 48}, r"^width is 48, and 24 of the encoder to start from; leave it out"),
        ({"depth": 3}, r"^depth is 3, and 2 of the encoder"),
        ({"heads": 4}, r"^heads is 4, and 3 of the encoder"),
        ({"patch_size": 8}, r"^patch_size is 8, and 4 of the encoder"),
        ({"class_token": False}, r"^class_token is false, and true of the encoder"),
        ({"registers": 0}, r"^registers is 0, and 3 of the encoder"),
        ({"learn_positions": False}, r"^learn_positions is false, and true of the encoder"),
        ({"size": "vit_tiny"}, r"is .*, and .* of the encoder to start from"),
        ({"train_layers": 3}, r"^train_layers is 3, the encoder has 2 blocks"),
        ({"train_layers": "some"}, r"train_layers is 'some', wanted 1 … 128, or one of 'all', 'norms_and_biases'"),
        ({"train_layers": 1, "lora_rank": 2}, r"^train_layers is 1 with lora_rank = 2.*wanted 'all'"),
        ({"lora_rank": 25}, r"^lora_rank is 25, the encoder is 24 wide"),
        ({"teacher": {}}, r"there are no tensors"),
        ({"target_encoder": "frozen"}, r"^target_encoder is 'frozen' without a teacher"),
        ({"teacher_width": 5}, r"^teacher_width is given with target_encoder = 'momentum'"),
        ({"target_encoder": "random_projection", "projector": "both"}, r"^projector is 'both' with target_encoder"),
        ({"target_encoder": "random_projection", "target_layers": 1}, r"^target_layers is 1 with target_encoder"),
        ({"target_encoder": "random_projection", "target_depth": 1}, r"^target_depth is 1 with target_encoder"),
    ],
)
def test_what_contradicts_is_one_clear_error(options: dict[str, Any], message: str) -> None:
    encoder, _ = published()
    with pytest.raises(ValueError, match=message) as caught:
        lm.LatentMIM(init=encoder, **{"grid": GRID, **BESIDE, **options})
    assert "\n" not in str(caught.value)


def test_relative_bias_is_refused() -> None:
    for name in ("beit", "simmim", "swin_like"):
        encoder, _ = published(name)
        with pytest.raises(ValueError, match=rf"^init is an encoder of the family '{encoder.family}'.*bias") as caught:
            lm.LatentMIM(init=encoder, grid=GRID, **BESIDE)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_family_is_trained_or_refused(name: str) -> None:
    """What other libraries name: plain ones begin as they are, with their own epsilon; others are told apart."""
    model = name.split("/")[1]
    others = ("swiglu", "dinov3", "beit", "data2vec", "clip", "siglip", "giant", "eva")
    encoder = load(weights_of(name), heads=2, epsilon=1e-5, **PIXELS)
    if any(other in model for other in others):
        with pytest.raises(ValueError, match=rf"^init is an encoder of the family '{encoder.family}' with parts"):
            lm.LatentMIM(init=encoder, grid=4, **BESIDE)
        return
    images = pixels(2, 16, 16)
    begun = lm.LatentMIM(init=encoder, grid=4, **BESIDE)
    assert begun.config.norm_epsilon == 1e-5
    assert np.array_equal(begun.encoder.features(images), encoder.features(images))


@pytest.mark.parametrize(
    "options", [{"train_layers": 1}, {"train_layers": "norms_and_biases"}, {"lora_rank": 3}], ids=str
)
def test_a_part_of_the_encoder_is_trained(options: dict[str, Any], tmp_path: Path) -> None:
    """What is frozen stays, for the optimiser, the memory and files; a resumed run has the same bits."""
    encoder, _ = published()

    def trainer() -> lm.Trainer:
        return lm.Trainer(lm.LatentMIM(init=encoder, grid=GRID, **BESIDE, **options), pixels(16), epochs=3, **TRAINING)

    run = trainer()
    model, before = run.model, run.model.parameters()
    assert model.gradients().keys() < {name for name in before if not name.startswith("target_encoder.")}
    for _ in range(3):
        run.step()
    run.save(tmp_path / "run.safetensors")
    resumed = trainer()
    resumed.restore(tmp_path / "run.safetensors")
    assert [step["loss"] for step in run] == [step["loss"] for step in resumed]
    after = model.parameters()
    assert same(after, resumed.model.parameters())
    moved = {name for name, value in after.items() if not np.array_equal(value, before[name])}
    own = {name.removeprefix("encoder.") for name in moved if name.startswith("encoder.")}
    own = {name for name in own if not name.startswith("head.")}
    if options.get("train_layers") == 1:
        assert own and all(name.startswith(("blocks.1.", "norm.")) for name in own)
    elif "lora_rank" in options:
        assert len(own) == 2 * 2 * 4 and all("lora" in name for name in own)
    else:
        assert own and all("norm" in name or name.endswith(".bias") for name in own)
    whole = lm.Trainer(lm.LatentMIM(init=encoder, grid=GRID, **BESIDE), pixels(16), epochs=3, **TRAINING)
    assert run.memory_estimate().moments < whole.memory_estimate().moments


def test_adapters_are_merged_where_the_encoder_is_saved(tmp_path: Path) -> None:
    encoder, _ = published()
    model = lm.LatentMIM(init=encoder, grid=GRID, lora_rank=3, **BESIDE)
    run = lm.Trainer(model, pixels(16), epochs=2, **TRAINING)
    for _ in run:
        pass
    model.encoder.save(tmp_path / "encoder.safetensors")
    merged = lm.load_encoder(tmp_path / "encoder.safetensors")
    images = pixels(3, GRID * PATCH, GRID * PATCH)
    wanted = model.encoder.features(images)
    assert merged.config.lora_rank == 0
    assert np.abs(wanted - encoder.features(images)).max() > 1e-3
    np.testing.assert_array_equal(merged.features(images), wanted)
    weights = model.parameters()
    layer = "encoder.blocks.1.mlp.fc2."
    exact = weights[layer + "weight"] + weights[layer + "lora_up"].astype(float) @ weights[layer + "lora_down"].T
    found = lm.LatentMIM(init=merged).parameters()[layer + "weight"]
    np.testing.assert_allclose(found, exact, rtol=0, atol=4 * 2.0**-24 * np.abs(exact).max())
    # A copy to fine-tune has them, too.
    labelled = lm.data.Arrays(pixels(4, GRID * PATCH, GRID * PATCH), labels=np.arange(4) % 2)
    options = {"epochs": 1, "batch_size": 4, "base_learning_rate": 1e-9, "progress": False}
    tuned = lm.evaluate.fine_tune(model.encoder, labelled, labelled, **options).encoder
    np.testing.assert_allclose(tuned.features(images), wanted, rtol=0, atol=1e-4)


def resized(crops: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Crops [B,H,W,c] with every axis brought to so many pixels, in double precision."""
    down = pretrained.cubic_matrix(crops.shape[1], rows, "antialiased")
    across = pretrained.cubic_matrix(crops.shape[2], columns, "antialiased")
    return np.einsum("ab,nbdc,ed->naec", down, crops, across)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"negatives": "all", "target_norm": "layer", "projector": "online"},
        {"objective": "normalized_mse", "similarity_coefficient": 0.0},
        {"objective": "mse", "patch_gap": 0, "patch_size": 4, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)},
        {"objective": "smooth_l1", "patch_gap": 0, "patch_size": 4, "grid": (3, 5)},
        {"crop_rule": "fixed", "grid": (5, 6), "num_visible": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["timm", "ijepa", "beit"])
def test_a_teachers_targets_against_the_reference(name: str, options: dict[str, Any]) -> None:
    """Loss and gradients in double precision; the teacher is of another width, patch size, and perhaps family."""
    teacher, weights = published(name)
    chosen = SMALL | {"grid": (4, 4)} | options
    model = lm.LatentMIM(teacher=teacher, seed=2, **chosen)
    ours = {key: value for key, value in chosen.items() if key not in ("mean", "std")}
    config = reference.configuration(**{"projector": "none"} | ours, target_encoder="frozen", teacher_width=WIDTH)
    crops = random_images(config, 5)
    views = lm.masking.sample(model.config, batch=len(crops), seed=1)
    rows, columns = config.training_grid
    cell = config.patch_size + config.patch_gap
    seen = crops[:, : rows * cell, : columns * cell].astype(float) * model.config.std + model.config.mean
    rule = RULES.get(teacher.family, "antialiased")
    shown = 255 * resized(seen, rows * PATCH, columns * PATCH)
    tokens = forward(weights, shown, interpolation=rule)[-1][:, -rows * columns :]
    parameters = {key: jnp.asarray(value, jnp.float64) for key, value in model.parameters().items()}
    cells = (jnp.asarray(np.asarray(part), jnp.int64) for part in (views.visible, views.target, views.offsets))
    value, _, gradients = reference.loss_and_gradients(
        parameters, {}, crops.astype(float), reference.Views(*cells), 0.3, config, teacher_tokens=jnp.asarray(tokens)
    )
    loss, _ = model.loss(crops, views, gamma=0.3)
    assert loss == pytest.approx(float(value), rel=1e-5)
    found = model.gradients()
    whole = np.sqrt(sum(float((gradient**2).sum()) for gradient in gradients.values()))
    assert found.keys() == gradients.keys()
    for key, gradient in gradients.items():
        assert np.linalg.norm(found[key] - gradient) <= 1e-4 * np.linalg.norm(gradient) + 1e-6 * whole, key


def test_a_run_with_a_teacher_goes_on_with_it_and_no_other(tmp_path: Path) -> None:
    teacher, _ = published()

    def trainer(teacher: Any) -> lm.Trainer:
        return lm.Trainer(lm.LatentMIM(teacher=teacher, **SMALL), pixels(16), epochs=3, **TRAINING)

    run = trainer(teacher)
    for _ in range(3):
        run.step()
    file = tmp_path / "run.safetensors"
    run.save(file)
    resumed = trainer(teacher)
    resumed.restore(file)
    loaded = lm.Trainer(lm.LatentMIM.load(file, teacher=teacher), pixels(16), epochs=3, **TRAINING)
    loaded.restore(file)
    wanted = [step["loss"] for step in run]
    assert wanted == [step["loss"] for step in resumed] == [step["loss"] for step in loaded]
    assert same(run.model.parameters(), resumed.model.parameters())

    other, _ = published(seed=1)
    with pytest.raises(ValueError, match=r"belongs to another run: teacher_digest is .\w{16}. there, .\w{16}. here"):
        trainer(other).restore(file)
    with pytest.raises(ValueError, match=r"^teacher is another one: its weights have the digest"):
        lm.LatentMIM.load(file, teacher=other)
    without = lm.LatentMIM.load(file)
    images = pixels(2, 32, 40)
    assert np.array_equal(without.encoder.features(images), lm.load_encoder(file).features(images))
    with pytest.raises(ValueError, match=r"^teacher is missing, and targets are its"):
        lm.Trainer(without, pixels(16), epochs=3, **TRAINING).step()
    with pytest.raises(ValueError, match="target_encoder is 'momentum' and there is a teacher"):
        lm.LatentMIM(teacher=teacher, target_encoder="momentum", **SMALL)
    with pytest.raises(ValueError, match=r"^teacher sees 3 channels, the model has 1"):
        lm.LatentMIM(teacher=teacher, channels=1, **SMALL)


def test_the_forecast_counts_the_teacher() -> None:
    """Its weights, and what it takes of a step."""
    wide = pretrained.plain(np.random.default_rng(0), position_rows=1)
    teacher = load(wide)
    alone = lm.LatentMIM(**SMALL, target_encoder="random_projection", target_sees="all", projector="none")
    forecasts = [
        lm.Trainer(model, pixels(8), epochs=1, **TRAINING).memory_estimate()
        for model in (alone, lm.LatentMIM(teacher=teacher, **SMALL))
    ]
    weights = 4 * sum(value.size for value in wide.values())
    projection = 4 * SMALL["width"] * 8 * 8 * 3
    heads = 4 * (SMALL["width"] - WIDTH) * (SMALL["decoder_width"] + 1)
    assert forecasts[1].weights - forecasts[0].weights >= weights - projection - heads - 4096
    assert forecasts[1].step > 0


def test_a_random_projection_never_moves(tmp_path: Path) -> None:
    def trainer() -> lm.Trainer:
        model = lm.LatentMIM(target_encoder="random_projection", seed=3, **SMALL)
        return lm.Trainer(model, pixels(16), epochs=2, **TRAINING)

    run = trainer()
    name = "target_projection.proj.weight"
    before = run.model.parameters()[name]
    assert before.shape == (SMALL["width"], 8 * 8 * 3) and before.std() > 0
    assert name not in run.model.gradients()
    run.step()
    run.save(tmp_path / "run.safetensors")
    resumed = trainer()
    resumed.restore(tmp_path / "run.safetensors")
    assert [step["loss"] for step in run] == [step["loss"] for step in resumed]
    assert np.array_equal(run.model.parameters()[name], before)


def test_a_run_becomes_longer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its schedules go on as those of the longer run, and so it says."""
    images = pixels(16)
    out = tmp_path / "run"
    options = SMALL | TRAINING | {"save_every": 1}
    lm.pretrain(images, out, epochs=2, **options)
    first = [line["learning_rate"] for line in read_metrics(out / "metrics.jsonl")]
    capsys.readouterr()
    lm.pretrain(images, out, epochs=4, **options)
    told = capsys.readouterr().err
    assert "the run is extended from 2 to 4 epochs: from step 4 on, schedules are those of a run of 4" in told
    rates = [line["learning_rate"] for line in read_metrics(out / "metrics.jsonl")]
    lm.pretrain(images, tmp_path / "whole", epochs=4, **options)
    whole = [line["learning_rate"] for line in read_metrics(tmp_path / "whole" / "metrics.jsonl")]
    assert rates == first + whole[4:] and len(rates) == 8
    assert "already finished" not in told
    lm.pretrain(images, out, epochs=4, **options)
    assert "already finished" in capsys.readouterr().err
    with pytest.raises(ValueError, match="epochs is 4 there, 3 here"):
        lm.pretrain(images, out, epochs=3, **options)
    with pytest.raises(ValueError, match=r"base_learning_rate is 0.02 there, 0.03 here") as caught:
        lm.pretrain(images, out, epochs=5, **(options | {"base_learning_rate": 0.03}))
    assert "epochs" not in str(caught.value)


def test_a_warm_up_that_was_chosen_stays(tmp_path: Path) -> None:
    def trainer(epochs: int, warmup: float) -> lm.Trainer:
        model = lm.LatentMIM(**SMALL)
        return lm.Trainer(model, pixels(8), epochs=epochs, warmup_epochs=warmup, **TRAINING)

    run = trainer(2, 1)
    run.step()
    run.save(tmp_path / "run.safetensors")
    trainer(4, 1).restore(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match=r"warmup_epochs is 1.* there, 2.* here"):
        trainer(4, 2).restore(tmp_path / "run.safetensors")


def test_pretrain_begins_as_an_encoder_and_learns_from_a_teacher(tmp_path: Path, folder: Path) -> None:
    from safetensors.numpy import save_file

    _, weights = published()
    file = tmp_path / "vit.safetensors"
    save_file(weights, file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heads are guessed
        for option, depth in (("init", 2), ("teacher", 6)):
            out = tmp_path / option
            arguments = [str(folder), "--out", str(out), f"--{option}", str(file), "--epochs", "1", "--batch-size", "4"]
            assert cli.main(["pretrain", *arguments, "--set", "grid=4", "--set", "projector_width=32"]) == 0
            config = lm.load_encoder(out).config
            assert config.depth == depth
            assert config.target_encoder == ("momentum" if option == "init" else "frozen")


def test_the_command_says_how_weights_are_read(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import save_file

    _, weights = published("dinov2")
    save_file({f"student.{name}": array for name, array in weights.items()}, tmp_path / "vit.safetensors")
    call = ["pretrain", str(folder), "--out", str(tmp_path / "out"), "--epochs", "1", "--batch-size", "4"]
    small = ["--set", "grid=4", "--set", "projector_width=32"]
    how = ["--family", "dinov2", "--prefix", "student.", "--heads", "3"]
    assert cli.main([*call, *small, "--init", str(tmp_path / "vit.safetensors"), *how]) == 0
    assert lm.load_encoder(tmp_path / "out").config.heads == 3
    assert cli.main([*call, "--heads", "3"]) == 1
    assert "--heads: says how weights are read, and there are none: --init or --teacher" in capsys.readouterr().err
