"""What users get wrong: the class of the exception, and that its message names what was found and what was wanted."""

import contextlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm


def refused(kind: type[Exception], *parts: str) -> Any:
    """Expects an exception whose message holds every part."""
    pattern = "".join(f"(?=.*{part})" for part in parts)
    return pytest.raises(kind, match=f"(?s){pattern}")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"width": 50}, ["width", "50", "heads", "3"]),
        ({"decoder_width": 30}, ["decoder_width", "30", "4"]),
        ({"num_visible": 19}, ["num_visible", "19", "20"]),
        ({"num_visible": 40}, ["num_visible", "40", "20"]),
        ({"patch_gap": -1}, ["patch_gap", "-1", "0"]),
        ({"grid": (0, 5)}, ["grid", "0"]),
        ({"temperature": 0.0}, ["temperature", "0"]),
        ({"projector": "target"}, ["projector", "target", "both", "online", "none"]),
        ({"preset": "published"}, ["preset", "published", "official", "paper"]),
        ({"size": "vit_giant"}, ["size", "vit_giant", "vit_small"]),
        ({"widht": 64}, ["widht", "width"]),
        ({"depth": "deep"}, ["depth", "deep", "integer"]),
        ({"depth": 2.5}, ["depth", "2.5", "integer"]),
        ({"standardize_predictions": 1}, ["standardize_predictions", "1"]),
        ({"mean": (0.5,)}, ["mean", "1", "3"]),
        ({"mask_ratio": 0.5}, ["mask_ratio", "num_visible"]),
        ({"seed": -1}, ["seed", "-1"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_impossible_models(options: dict[str, Any], parts: list[str]) -> None:
    with refused(ValueError, *parts):
        lm.LatentMIM(**SMALL | options)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"batch_size": 0}, ["batch_size", "0"]),
        ({"epochs": 0}, ["epochs", "0"]),
        ({"accumulation_steps": 3}, ["batch_size", "8", "accumulation_steps", "3"]),
        ({"batch_size": 64}, ["40", "64"]),
        ({"warmup_epochs": 9.0}, ["warmup_epochs", "9", "2"]),
        ({"learning_rate": 1e-3}, ["learning_rate", "base_learning_rate"]),
        ({"crop_area": (0.9, 0.1)}, ["crop_area", "0.9"]),
        ({"base_learning_rate": float("nan")}, ["base_learning_rate", "nan"]),
        ({"weight_decay": np.float32("inf")}, ["weight_decay", "inf"]),
        ({"crop_area": (np.nan, 1.0)}, ["crop_area", "nan"]),
        ({"save_every": 0}, ["save_every", "0"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_impossible_training(
    model: lm.LatentMIM, images: np.ndarray, options: dict[str, Any], parts: list[str]
) -> None:
    with refused(ValueError, *parts):
        lm.Trainer(model, images, **{"epochs": 2, "batch_size": 8} | options)


def test_images_of_the_wrong_kind() -> None:
    with refused(TypeError, "int64", "uint8"):
        lm.Arrays(np.zeros((4, 8, 8, 3), np.int64))
    with refused(ValueError, r"\[8, 8\]", r"\[N, H, W, C\]"):
        lm.Arrays(np.zeros((8, 8), np.uint8))
    with refused(ValueError, r"\[3\]", r"\[4\]"):
        lm.Arrays(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 2])
    with refused(ValueError, "label -1"):
        lm.Arrays(np.zeros((2, 8, 8, 3), np.uint8), [0, -1])
    with refused(TypeError, "labels", "float64"):
        lm.Arrays(np.zeros((2, 8, 8, 3), np.uint8), [0.0, 1.0])
    with pytest.raises(ValueError):
        lm.Arrays(np.zeros((0, 8, 8, 3), np.uint8))


def test_channels_that_do_not_fit(model: lm.LatentMIM) -> None:
    grey = lm.Arrays(pixels(16, channels=1))
    with refused(ValueError, "channel", "1", "3"):
        lm.Trainer(model, grey, epochs=1, batch_size=8)
    with refused(ValueError, "channel", "1", "3"):
        grey.crops(model.config, [0])
    with refused(ValueError, "channel", "1", "3"):
        model.encoder.features(grey.images[:, :32, :40])


def test_pixels_that_are_no_numbers(model: lm.LatentMIM) -> None:
    images = pixels(8).astype(np.float32) / 255
    images[5, 7, 3, 1] = np.nan
    with refused(ValueError, "nan", "5"):
        model.encoder.features(images[:, :32, :40])
    with refused(ValueError, "nan", "5"):
        lm.Trainer(model, images, epochs=1, batch_size=8).step()
    images[5, 7, 3, 1] = np.inf
    with refused(ValueError, "inf"):
        lm.segment(model.encoder, images[5])
    images[5, 7, 3, 1] = 200
    with refused(ValueError, "200", "0 … 1"):
        lm.Arrays(images)[5]


def test_crops_and_views_of_the_wrong_shape(model: lm.LatentMIM, images: np.ndarray) -> None:
    crops = lm.Arrays(images).crops(model.config, range(4))
    views = lm.masking.sample(model.config, batch=4)
    with refused(ValueError, r"\[4, 40, 49, 3\]", r"\[\*, 40, 50, 3\]"):
        model.loss(crops[:, :, :49], views)
    with refused(ValueError, "visible", r"\[4, 5\]", r"\[3, \*\]"):
        model.loss(crops[:3], views)
    with refused(TypeError, "uint8", "float32"):
        model.loss(images[:4], views)
    crops[1, 2, 3, 0] = np.nan
    with refused(ValueError, "nan", r"\[1, 2, 3, 0\]"):
        model.loss(crops, views)


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("visible", 20, ["20", "visible|cell"]),
        ("visible", -1, ["-1"]),
        ("offsets", 3, ["offset 3", "2"]),
        ("offsets", -1, ["offset -1"]),
    ],
)
def test_views_outside_the_grid(
    model: lm.LatentMIM, images: np.ndarray, name: str, value: int, parts: list[str]
) -> None:
    views = lm.masking.sample(model.config, batch=2)
    getattr(views, name)[1, 0] = value
    with refused(ValueError, *parts):
        model.loss(lm.Arrays(images).crops(model.config, range(2)), views)


def test_views_that_repeat_a_cell(model: lm.LatentMIM, images: np.ndarray) -> None:
    views = lm.masking.sample(model.config, batch=2)
    views.visible[1, 0] = views.visible[1, 1]
    with refused(ValueError, "twice", "image 1"):
        model.loss(lm.Arrays(images).crops(model.config, range(2)), views)


def test_images_that_patches_do_not_divide(model: lm.LatentMIM) -> None:
    # 36 × 40: four pixels too high or four too low.
    with refused(ValueError, "height", "36", "32", "40"):
        model.encoder.features(pixels(1, 36, 40))
    with refused(ValueError, "5", "8"):
        model.encoder.features(pixels(1, 5, 40))
    assert model.encoder.features(pixels(1, 36, 40), resize="nearest").shape == (1, 25, 48)


def test_features_that_do_not_exist(model: lm.LatentMIM, options: dict[str, Any]) -> None:
    image = pixels(1, 32, 40)
    with refused(ValueError, "layer", "3", "2"):
        model.encoder.features(image, layer=3)
    for layer in (3, -4):
        with refused(ValueError, "layer", str(layer), "0 … 2"):
            model.encoder.features(image, layer=layer)
        with refused(ValueError, "layer", str(layer), "0 … 2"):
            lm.evaluate.features(model.encoder, image, layer=layer)
    with refused(TypeError, "float"):
        model.encoder.features(image, layer=1.5)
    bare = lm.LatentMIM(**options | {"projector": "none"})
    with refused(ValueError, "projector"):
        bare.encoder.features(image, projector=True)
    with refused(ValueError, "middle"):
        model.encoder.pool(image, "middle")


def test_a_model_in_place_of_its_encoder(model: lm.LatentMIM, images: np.ndarray) -> None:
    data = lm.Arrays(images, np.arange(40) % 2)
    for use in (lm.evaluate.features, lm.evaluate.nearest_neighbor, lm.segment, lm.plot.neighbors):
        with refused(TypeError, "LatentMIM", r"model\.encoder"):
            use(model, images[0] if use is lm.segment else data)


def test_sizes_that_are_none(model: lm.LatentMIM, images: np.ndarray) -> None:
    data = lm.Arrays(images)
    for size in (64.0, "large", (32, 40.5)):
        with refused(TypeError, "size", "whole numbers"):
            data.resized(size)
        with refused(TypeError, "size", "whole numbers"):
            lm.evaluate.features(model.encoder, data, size=size)
    for size in (0, (32, -8), (8, 8, 8)):
        with refused(ValueError, "size", "one or two"):
            lm.resize(images, size)
        with refused(ValueError, "size", "one or two"):
            lm.evaluate.pixels_nearest_neighbor(lm.Arrays(images, np.zeros(40, int)), size)


def test_scores_are_of_all_images(model: lm.LatentMIM, images: np.ndarray) -> None:
    """Features of some, or in another order, would meet the wrong labels."""
    data = lm.Arrays(images, np.arange(40) % 2)
    for use in (lm.evaluate.nearest_neighbor, lm.plot.neighbors):
        with refused(ValueError, "unknown option 'indices'"):
            use(model.encoder, data, indices=range(39, -1, -1))
    with refused(ValueError, "3", "40"):
        lm.plot.neighbors(model.encoder, data, features=np.ones((3, 48)))


def test_images_of_several_sizes_are_no_array(model: lm.LatentMIM) -> None:
    with refused(ValueError, "images", "shapes may differ"):
        model.encoder.features([pixels(1, 32, 40)[0], pixels(1, 32, 48)[0]])


def test_segments_that_do_not_exist(model: lm.LatentMIM) -> None:
    image = pixels(1, 32, 40)[0]
    with refused(ValueError, "21", "20"):
        lm.segment(model.encoder, image, 21, size="nearest")
    with refused(ValueError, "0"):
        lm.segment(model.encoder, image, 0)
    with refused(ValueError, "centroid", "ward"):
        lm.segment(model.encoder, image, linkage="centroid")
    with refused(ValueError, "cubic", "nearest"):
        lm.segment(model.encoder, image, upsample="cubic")


def test_folders_without_images(tmp_path: Path) -> None:
    with refused((OSError, ValueError), str(tmp_path / "nowhere")):
        lm.ImageFolder(tmp_path / "nowhere")
    with refused(ValueError, str(tmp_path)):
        lm.ImageFolder(tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    with refused(ValueError, str(tmp_path)):
        lm.ImageFolder(tmp_path)
    with refused(ValueError, "on_error", "ignore", "skip"):
        lm.ImageFolder(tmp_path, on_error="ignore")


def test_truncated_jpeg(folder: Path, model: lm.LatentMIM) -> None:
    broken = next(folder.rglob("05.jpg"))
    broken.write_bytes(broken.read_bytes()[:400])
    with refused(ValueError, str(broken)):
        lm.load_image(broken)
    photos = lm.ImageFolder(folder)
    with refused(ValueError, str(broken)):
        photos[photos.paths.index(str(broken))]
    with refused(ValueError, str(broken)):
        list(lm.Trainer(model, photos, epochs=1, batch_size=12))
    skipping = lm.ImageFolder(folder, on_error="skip")
    assert len(list(lm.Trainer(model, skipping, epochs=1, batch_size=12))) == 1
    assert [path for path, _ in skipping.skipped] == [str(broken)]


def test_missing_files(tmp_path: Path) -> None:
    for read in (lm.load_image, lm.LatentMIM.load, lm.load_encoder):
        for name in ("x.safetensors", "x.pth"):
            with refused(OSError, "x"):
                read(tmp_path / name)


def test_files_that_cannot_be_written(model: lm.LatentMIM, tmp_path: Path) -> None:
    for save in (model.save, model.encoder.save):
        with refused(OSError, "nowhere"):
            save(tmp_path / "nowhere" / "model.safetensors")


def test_truncated_checkpoints(model: lm.LatentMIM, tmp_path: Path) -> None:
    whole = tmp_path / "model.safetensors"
    model.save(whole)
    data = whole.read_bytes()
    broken = tmp_path / "broken.safetensors"
    for size in itertools.chain(range(0, 40), range(100, len(data), len(data) // 20)):
        broken.write_bytes(data[:size])
        for load in (lm.LatentMIM.load, lm.load_encoder):
            with refused(ValueError, "broken.safetensors"):
                load(broken)
    assert lm.LatentMIM.load(whole).config == model.config


def test_hostile_checkpoints(model: lm.LatentMIM, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    header = int.from_bytes(data[:8], "little")
    for _ in range(60):
        changed = bytearray(data)
        changed[rng.integers(0, 8 + header)] = rng.integers(0, 256)
        path.write_bytes(changed)
        with contextlib.suppress(ValueError):  # the values of options may change within their range
            lm.LatentMIM.load(path)
    path.write_bytes((2**63 - 1).to_bytes(8, "little") + data[8:])
    with refused(ValueError, "model.safetensors"):
        lm.LatentMIM.load(path)


def test_parameters_that_do_not_fit(model: lm.LatentMIM) -> None:
    before = model.parameters()
    wrong = dict(before)
    wrong["encoder.norm.weight"] = np.zeros(47, np.float32)
    del wrong["decoder.head.bias"]
    wrong["encoder.nonsense"] = np.zeros(3, np.float32)
    with refused(ValueError, "encoder.norm.weight", "47", "48", "decoder.head.bias", "encoder.nonsense"):
        model.load_parameters(wrong)
    after = model.parameters()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    with refused(TypeError, "encoder.norm.weight", "int64"):
        model.load_parameters(before | {"encoder.norm.weight": np.zeros(48, np.int64)})


def test_threads_and_instruction_sets() -> None:
    with refused(ValueError, "0", "256"):
        lm.set_thread_count(0)
    with refused(ValueError, "mmx", "portable"):
        lm.runtime.set_instruction_set("mmx")


def test_an_index_that_does_not_exist(images: np.ndarray) -> None:
    with refused(IndexError, "40"):
        lm.Arrays(images)[40]
    with refused(ValueError, "40"):
        lm.Arrays(images).resized(8, [40])
    with refused(ValueError, "indices", "0"):
        lm.Arrays(images).resized(8, [])
    with refused(TypeError, "indices", "float64"):
        lm.Arrays(images).resized(8, [1.0])


def test_an_infinite_loss_keeps_the_last_checkpoint(tmp_path: Path, images: np.ndarray) -> None:
    model = lm.LatentMIM(**SMALL)
    trainer = lm.Trainer(
        model, images, epochs=40, batch_size=8, out=tmp_path, save_every=1, base_learning_rate=100.0, epsilon=1e-12,
        warmup_epochs=20.0, progress=False,
    )  # fmt: skip
    broken = {name: value * np.float32(1e30) for name, value in model.parameters().items()}
    for _ in range(5):
        trainer.step()
    trainer.save(tmp_path / "good.safetensors")
    trainer._run.begin(trainer._fitting._saved._settings(), trainer.history)
    model.load_parameters(broken)
    with refused(FloatingPointError, "step 6"):
        trainer.fit()
    assert lm.LatentMIM.load(tmp_path / "good.safetensors").config == model.config
    assert not (tmp_path / "checkpoints" / "last.safetensors").exists()


def test_an_infinite_loss_names_the_last_checkpoint(tmp_path: Path, images: np.ndarray) -> None:
    model = lm.LatentMIM(**SMALL)
    trainer = lm.Trainer(model, images, epochs=3, batch_size=8, out=tmp_path, save_every=1, progress=False)
    original = trainer._fitting.after_step

    def after(metrics: dict[str, Any]) -> None:
        original(metrics)
        if metrics["step"] == 7:
            model.load_parameters({name: value * np.float32(1e30) for name, value in model.parameters().items()})

    trainer._fitting.after_step = after
    with refused(FloatingPointError, "step 8", "the last checkpoint, of step 5, is .*last.safetensors"):
        trainer.fit()
