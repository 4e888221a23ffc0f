"""Every preset, and options that reach into training, under the one Trainer: it learns, resumes, and repeats itself."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import latentmim as lm

SIZES: dict[str, Any] = {
    "grid": (6, 6),
    "patch_size": 8,
    "width": 32,
    "depth": 2,
    "heads": 2,
    "decoder_width": 32,
    "decoder_depth": 1,
    "decoder_heads": 2,
    "projector_width": 48,
}
CASES: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in ("official", "paper", "mae", "simmim", "maskfeat", "conmim", "ijepa")},
    "data2vec": {"preset": "data2vec", "target_layers": 2},
    "independent": {"target_encoder": "independent"},
    "siamese": {"target_encoder": "siamese"},
    "joint": {"target_encoder": "joint", "objective": "mse"},
    "contrast": {"contrast_coefficient": 0.5},
    "noise": {"dropout": 0.1, "drop_path": 0.2},
    "learned positions": {"learn_positions": True, "crop_rule": "fixed"},
}


def stripes(count: int) -> lm.Arrays:
    """Images of stripes: width, slope and colours differ, so that there is something to learn."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:64, :64]
    images = np.empty((count, 64, 64, 3), np.uint8)
    for image in images:
        slope, period = rng.uniform(-1, 1), rng.uniform(6, 24)
        wave = np.sin((rows + slope * columns) * 2 * np.pi / period)[..., None]
        image[:] = 127 + 60 * wave * rng.uniform(-1, 1, 3) + rng.normal(0, 4, image.shape)
    return lm.Arrays(images)


def trainer(options: dict[str, Any], **changes: Any) -> lm.Trainer:
    model = lm.LatentMIM(**(SIZES | options), seed=1)
    training: dict[str, Any] = {
        "epochs": 8,
        "batch_size": 16,
        "base_learning_rate": 0.02,
        "warmup_epochs": 1,
        "seed": 3,
    }
    preset = options.get("preset", "official")
    return lm.Trainer(model, stripes(48), preset=preset, **(training | changes))


def losses(run: lm.Trainer, steps: int) -> list[float]:
    found = [run.step() for _ in range(steps)]
    return [float(metrics["loss"]) for metrics in found if metrics is not None]


@pytest.mark.parametrize("name", CASES)
def test_learns_and_resumes(name: str, tmp_path: Path) -> None:
    """Losses are finite, those of targets that hold still fall; a run saved in its midst goes on with the same bits."""
    whole = losses(trainer(CASES[name]), 24)
    assert np.isfinite(whole).all()
    if name in ("mae", "simmim", "maskfeat", "joint"):
        assert np.mean(whole[-3:]) < np.mean(whole[:3])
    first = trainer(CASES[name])
    assert losses(first, 5) == whole[:5]
    first.save(tmp_path / "checkpoint.safetensors")
    second = trainer(CASES[name], workers=3)
    second.restore(tmp_path / "checkpoint.safetensors")
    assert losses(second, 4) == whole[5:9]


@pytest.mark.parametrize("name", ["noise", "data2vec", "mae"])
def test_recomputing_and_parts(name: str) -> None:
    """Blocks computed again drop the same elements; so do batches in parts, up to rounding."""
    whole = losses(trainer(CASES[name], precision="float32"), 3)
    assert losses(trainer(CASES[name], precision="float32", recompute=True), 3) == whole
    parts = losses(trainer(CASES[name], precision="float32", accumulation_steps=2), 2)
    np.testing.assert_allclose(parts, whole[:2], rtol=1e-5)


def test_noise_has_a_seed_and_none_in_inference() -> None:
    model = lm.LatentMIM(**SIZES, dropout=0.2, drop_path=0.2, seed=1)
    views = lm.masking.sample(model.config, batch=4, seed=0)
    images = np.random.default_rng(0).normal(size=(4, *model.config.crop_size, 3)).astype(np.float32)
    first, again, other = (model.loss(images, views, seed=seed)[0] for seed in (0, 0, 1))
    assert first == again != other
    plain = lm.LatentMIM(**SIZES, seed=1)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 48, 48, 3), dtype=np.uint8)
    assert np.array_equal(model.encoder.features(pixels), plain.encoder.features(pixels))


@pytest.mark.parametrize("name", ["learned positions", "ijepa", "simmim"])
def test_files_and_features(name: str, tmp_path: Path) -> None:
    """Trained tables, missing class tokens and mask tokens come back; other grids have features, too."""
    run = trainer(CASES[name])
    losses(run, 4)
    run.model.save(tmp_path / "model.safetensors")
    run.model.encoder.save(tmp_path / "encoder.safetensors")
    pixels = np.random.default_rng(0).integers(0, 255, (2, 64, 40, 3), dtype=np.uint8)
    wanted = run.model.encoder.features(pixels)
    assert wanted.shape == (2, 40, 32)
    again = lm.LatentMIM.load(tmp_path / "model.safetensors")
    assert again.config == run.model.config
    assert np.array_equal(again.encoder.features(pixels), wanted)
    assert np.array_equal(lm.load_encoder(tmp_path / "encoder.safetensors").features(pixels), wanted)
    assert run.model.encoder.has_class_token == (name != "ijepa")


def test_what_crops_must_be() -> None:
    model = lm.LatentMIM(**SIZES, contrast_coefficient=0.1)
    views = lm.masking.sample(model.config, batch=2)
    images = np.zeros((2, *model.config.crop_size, 3), np.float32)
    with pytest.raises(ValueError, match=r"contrast_coefficient is 0\.1 and second crops are missing"):
        model.loss(images, views)
    with pytest.raises(ValueError, match="second_images and second_views go together"):
        model.loss(images, views, second_images=images)
    with pytest.raises(ValueError, match="target_view is 'same' and images for the target encoder are given"):
        model.loss(images, views, target_images=images, second_images=images, second_views=views)


@pytest.mark.parametrize("preset", ["mae", "simmim", "data2vec", "ijepa"])
def test_the_one_liner(preset: Any, tmp_path: Path) -> None:
    """A baseline keeps its own masks and crops; sizes are the recipe's."""
    model = lm.pretrain(
        stripes(16), tmp_path, preset=preset, epochs=1, batch_size=8, warmup_epochs=0, progress=False, width=32,
        depth=6, heads=2, projector_width=32, patch_size=8, decoder_depth=1,
    )  # fmt: skip
    published = lm.config.ModelConfig.resolve(preset=preset)
    assert model.config.grid == (8, 8)
    for name in ("patch_gap", "mask", "mask_block", "masked_input", "decoder", "objective", "target_layers"):
        assert getattr(model.config, name) == getattr(published, name), name
    training = json.loads((tmp_path / "config.json").read_text())["training"]
    assert tuple(training["crop_area"]) == lm.config.TrainingConfig.resolve(preset=preset).crop_area


def test_maes_published_names(tmp_path: Path) -> None:
    """A checkpoint under MAE's names is a model like any other, with the same loss; what is missing is named."""
    sizes = {name: value for name, value in SIZES.items() if name != "projector_width"}
    model = lm.LatentMIM(**sizes, preset="mae", seed=1)
    weights = {}
    for name, value in model.parameters().items():
        theirs = (
            name.replace("encoder.embed.", "patch_embed.")
            .replace("encoder.", "")
            .replace("decoder.head.", "decoder_pred.")
        )
        theirs = "mask_token" if name == "decoder.mask_token" else theirs.replace("decoder.", "decoder_")
        if theirs == "patch_embed.proj.weight":
            value = value.reshape(32, 8, 8, 3).transpose(0, 3, 1, 2)
        weights[theirs] = np.ascontiguousarray(value)
    model.save(tmp_path / "ours.safetensors")
    tables = load_file(tmp_path / "ours.safetensors")
    weights["pos_embed"] = tables["encoder.pos_embed.pos_embeds"][None]
    weights["decoder_pos_embed"] = tables["decoder.pos_embed.pos_embeds"][None]
    save_file(weights, tmp_path / "mae.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = lm.LatentMIM.load(tmp_path / "mae.safetensors", heads=2, decoder_heads=2)
    assert loaded.config == model.config
    views = lm.masking.sample(model.config, batch=2)
    images = np.random.default_rng(0).normal(size=(2, *model.config.crop_size, 3)).astype(np.float32)
    assert loaded.loss(images, views) == model.loss(images, views)
    del weights["decoder_norm.bias"]
    weights["decoder_blocks.0.norm3.bias"] = np.zeros(4, np.float32)
    save_file(weights, tmp_path / "broken.safetensors")
    with pytest.raises(
        ValueError, match=r"(?s)decoder\.norm\.bias is missing.*decoder_blocks\.0\.norm3\.bias is not part"
    ):
        lm.LatentMIM.load(tmp_path / "broken.safetensors", heads=2, decoder_heads=2)
