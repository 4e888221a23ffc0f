"""Data sets and views: what goes in comes out, and depends on what it should."""

import gc
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from conftest import pixels
from PIL import Image

import latentmim as lm


def test_folder(folder: Path) -> None:
    photos = lm.ImageFolder(folder)
    assert len(photos) == 12
    assert photos.classes == ["cats", "dogs"]
    assert [Path(path).parent.name for path in photos.paths] == [photos.classes[label] for label in photos.labels]
    assert photos.skipped == []
    assert photos.channels == 3
    for index in (0, 7, -1):
        decoded = np.asarray(Image.open(photos.paths[index])) / 255
        assert photos[index].shape == (40, 52, 3)
        assert photos[index].dtype == np.float32
        assert np.abs(photos[index] - decoded).max() <= 3 / 255
    assert np.array_equal(lm.load_image(photos.paths[3]), photos[3])
    assert "12 images, 2 classes" in repr(photos)


def test_folder_without_classes(folder: Path) -> None:
    photos = lm.ImageFolder(str(folder / "cats"))
    assert len(photos) == 6
    assert photos.labels is None
    assert photos.classes == []


def test_what_a_folder_leaves_out(folder: Path) -> None:
    for name in ("birds/1.xyz", "cats/2.xyz", "cats/notes.txt", "stray.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(next(folder.glob("cats/*.jpg")).read_bytes())
    with pytest.warns(UserWarning) as caught:
        photos = lm.ImageFolder(folder)
    said = "\n".join(str(warning.message) for warning in caught)
    for part in ("2 .xyz, 1 .txt", "stray.jpg", "birds"):
        assert part in said
    assert photos.classes == ["birds", "cats", "dogs"]
    assert sorted({int(label) for label in photos.labels}) == [1, 2]
    assert {Path(path).name for path, _ in photos.left_out} == {"1.xyz", "2.xyz", "notes.txt", "stray.jpg"}
    assert "12 images, 3 classes, 4 left out" in repr(photos)
    assert photos.subset([0]).classes == photos.classes


def test_names_that_are_no_utf8(folder: Path, model: lm.LatentMIM) -> None:
    for name in (b"caf\xe8", b"caf\xe9"):
        place = os.path.join(os.fsencode(folder), name)
        os.rename(os.path.join(os.fsencode(folder), b"cats" if name[-1] == 0xE8 else b"dogs"), place)
    photos = lm.ImageFolder(folder)
    assert photos.classes == ["caf\udce8", "caf\udce9"]
    assert [os.path.basename(os.path.dirname(path)) for path in photos.paths[::6]] == photos.classes
    assert photos.paths == sorted(str(path) for path in folder.glob("*/*.jpg"))
    assert np.array_equal(lm.load_image(photos.paths[7]), photos[7])
    broken = Path(photos.paths[7])
    broken.write_bytes(b"no image")
    with pytest.raises(ValueError, match=re.escape(r"caf\xE9")):
        photos[7]
    missing = os.path.join(photos.path, "caf\udcea.jpg")
    with pytest.raises(FileNotFoundError) as caught:
        lm.load_image(missing)
    assert caught.value.filename == missing
    weights = os.path.join(photos.path, "caf\udce9.safetensors")
    model.save(weights)
    assert os.path.exists(weights)
    again = lm.LatentMIM.load(weights).parameters()
    assert all(np.array_equal(value, again[name]) for name, value in model.parameters().items())


def test_command_line_keeps_the_bytes_of_paths(folder: Path, model: lm.LatentMIM) -> None:
    model.encoder.save(folder / "encoder.safetensors")
    out = os.path.join(os.fsencode(folder), b"caf\xe9")
    picture = next(folder.glob("cats/*.jpg"))
    command = [sys.executable, "-m", "latentmim", "segment", folder / "encoder.safetensors", picture, "--out", out]
    done = subprocess.run(command, capture_output=True, check=False)
    made = [os.path.join(out, os.fsencode(picture.stem) + ending) for ending in (b"-segments.png", b"-labels.png")]
    assert (done.returncode, done.stdout.split()) == (0, made), done.stderr
    assert all(map(os.path.exists, made))


def test_home_in_paths(folder: Path, model: lm.LatentMIM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    photos = lm.ImageFolder("~/cats")
    assert photos.path == str(folder / "cats")
    assert np.array_equal(lm.load_image(f"~/cats/{Path(photos.paths[0]).name}"), photos[0])
    model.save("~/model.safetensors")
    lm.LatentMIM.load("~/model.safetensors").encoder.save(Path("~/encoder.safetensors"))
    lm.load_encoder("~/encoder.safetensors")
    trainer = lm.Trainer(model, "~/cats", epochs=1, batch_size=3, out="~/run")
    trainer.fit()
    trainer.restore("~/run/checkpoints/last.safetensors")
    lm.plot.history("~/run")
    assert {"model.safetensors", "encoder.safetensors", "run"} <= set(os.listdir(folder))
    assert not os.path.exists("~")


def test_subsets(folder: Path, model: lm.LatentMIM) -> None:
    photos = lm.ImageFolder(folder)
    some = photos[4:8]
    assert (len(some), list(some.indices)) == (4, [4, 5, 6, 7])
    assert some.paths == photos.paths[4:8]
    assert (some.classes, list(some.labels), some.channels) == (photos.classes, [0, 0, 1, 1], 3)
    assert np.array_equal(some[-1], photos[7])
    dogs = photos.subset(photos.labels == 1)
    assert np.array_equal(dogs.labels, [1] * 6)
    assert list(photos.subset([-1, 0]).indices) == [11, 0]
    assert some[::-1].paths == photos.paths[7:3:-1]
    assert "Subset(4 of ImageFolder" in repr(some)
    assert np.array_equal(some.resized(16), photos.resized(16, range(4, 8)))
    trainer = lm.Trainer(model, some, epochs=1, batch_size=2)
    trainer.step()
    assert lm.evaluate.nearest_neighbor(model.encoder, some, progress=False).accuracy >= 0
    for wrong in ([], [12], [-13], np.zeros(3, bool)):
        with pytest.raises(ValueError, match=r"image|indices"):
            photos.subset(wrong)
    arrays = lm.Arrays(pixels(5), np.arange(5))
    part = arrays[3:]
    del arrays
    gc.collect()
    assert part.paths == []
    assert np.array_equal(part.labels, [3, 4])
    assert part[0].shape == pixels(1)[0].shape


def test_subsets_skip_what_cannot_be_read(folder: Path) -> None:
    photos = lm.ImageFolder(folder, on_error="skip")
    Path(photos.paths[6]).write_bytes(b"no image")
    some = photos.subset([6, 1])
    found = some.resized(16)
    assert np.isnan(found[0]).all()
    assert np.array_equal(found[1], photos.resized(16, [1])[0])
    assert [path for path, _ in some.skipped] == [photos.paths[6]]
    assert photos[:3].skipped == []


@pytest.mark.parametrize("take", ["Arrays", "features", "pool", "resize", "segment", "spread", "one image"])
def test_channels_first_is_refused(take: str, model: lm.LatentMIM) -> None:
    images = np.zeros((2, 3, 40, 48), np.float32)
    with pytest.raises(ValueError, match=r"np\.moveaxis\(images, -3, -1\)"):
        {
            "Arrays": lambda: lm.Arrays(images),
            "features": lambda: model.encoder.features(images),
            "pool": lambda: model.encoder.pool(images),
            "resize": lambda: lm.resize(images, 32),
            "segment": lambda: lm.segment(model.encoder, images[0]),
            "spread": lambda: lm.spread(model.encoder, images),
            "one image": lambda: model.encoder.features(images[0]),
        }[take]()
    assert lm.resize(np.moveaxis(images, -3, -1), 32).shape == (2, 32, 32, 3)
    assert lm.Arrays(np.zeros((2, 3, 40, 8), np.float32)).channels == 8


def test_mean_of_255_is_refused() -> None:
    for name in ("mean", "std"):
        with pytest.raises(ValueError, match=f"{name}.*wanted.*divided by 255"):
            lm.ModelConfig.resolve(**{name: (123.7, 116.3, 103.5)})


def test_formats() -> None:
    assert lm.data.formats()["JPEG"][:2] == [".jpg", ".jpeg"]


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "grey", "strided", "read-only"])
def test_arrays(kind: str) -> None:
    bytes_ = pixels(5)
    floats = bytes_.astype(np.float32) / 255
    frozen = bytes_.copy()
    frozen.flags.writeable = False
    given, wanted = {
        "uint8": (bytes_, floats),
        "float32": (floats, floats),
        "float64": (bytes_ / 255, floats),
        "grey": (bytes_[..., 0], floats[..., :1]),
        "strided": (bytes_[::2, ::-1], floats[::2, ::-1]),
        "read-only": (frozen, floats),
    }[kind]
    images = lm.Arrays(given, np.arange(len(given)))
    assert np.array_equal(images.labels, np.arange(len(given)))
    for found, image in zip(images, wanted, strict=True):
        assert np.abs(found - image).max() < 1e-6


def test_arrays_stay_where_they_are() -> None:
    """No copy is made, and the data set keeps the memory it looks at."""
    given = pixels(5)
    images = lm.Arrays(given)
    assert np.shares_memory(images.images, given)
    given[2] = 255
    assert images[2].min() == 1
    handle = images._handle
    gone = weakref.ref(given)
    del given, images
    gc.collect()
    assert gone() is not None
    del handle
    gc.collect()
    assert gone() is None


def test_crops_depend_on_image_epoch_and_seed_alone(model: lm.LatentMIM, images: np.ndarray) -> None:
    data = lm.Arrays(images)
    all_at_once = data.crops(model.config)
    assert all_at_once.shape == (40, 40, 50, 3)
    assert np.array_equal(data.crops(model.config, [7, 3]), all_at_once[[7, 3]])
    assert not np.array_equal(data.crops(model.config, [7], epoch=1)[0], all_at_once[7])
    other = lm.TrainingConfig.resolve(seed=1)
    assert not np.array_equal(data.crops(model.config, [7], training=other)[0], all_at_once[7])
    # The whole image, not mirrored: what resizing and normalising gives.
    plain = lm.TrainingConfig.resolve(crop_area=(1.0, 1.0), crop_ratio=(56 / 48, 56 / 48), flip=False)
    wanted = (data.resized(model.config.crop_size, [7]) - np.float32([0.485, 0.456, 0.406])) / np.float32(
        [0.229, 0.224, 0.225]
    )
    assert np.abs(data.crops(model.config, [7], training=plain) - wanted).max() < 1e-4


def test_resizing_agrees_with_pillow() -> None:
    image = pixels(1, 60, 83)[0]
    for size in ((24, 30), (60, 41), (97, 120)):
        pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC)) / 255
        assert np.abs(lm.resize(image, size) - pillow).max() < 2 / 255  # Pillow rounds twice
    assert lm.resize(image[None], 16).shape == (1, 16, 16, 3)


def test_resized_with_centre_crop() -> None:
    images = pixels(3, 60, 90)
    data = lm.Arrays(images)
    assert data.resized((20, 30)).shape == (3, 20, 30, 3)
    cropped = data.resized(32, [1], short_side=40)
    # As Pillow does it, in 8 bits: all of the image is resized, and then cut.
    resized = Image.fromarray(images[1]).resize((60, 40), Image.Resampling.BICUBIC).crop((14, 4, 46, 36))
    np.testing.assert_array_equal(np.round(cropped[0] * 255), np.asarray(resized))
    unrounded = lm.Arrays(data[1][np.newaxis]).resized(32, short_side=40)
    np.testing.assert_allclose(unrounded[0], lm.resize(data[1], (40, 60))[4:36, 14:46], atol=1e-4)


def test_views(model: lm.LatentMIM) -> None:
    config = model.config
    views = lm.masking.sample(config, batch=6, seed=5)
    assert views.visible.shape == (6, 5)
    assert views.target.shape == (6, 15)
    assert views.offsets.shape == (6, 20, 2)
    for seen, hidden in zip(views.visible, views.target, strict=True):
        assert sorted([*seen, *hidden]) == list(range(20))
    assert views.offsets.min() == 0
    assert views.offsets.max() == config.patch_gap - 1
    some = lm.masking.sample(config, images=[4, 1], seed=5)
    assert np.array_equal(some.visible, views.visible[[4, 1]])
    assert np.array_equal(some.offsets, views.offsets[[4, 1]])
    for other in (lm.masking.sample(config, batch=6, seed=6), lm.masking.sample(config, batch=6, seed=5, epoch=1)):
        assert not np.array_equal(other.visible, views.visible)
    with pytest.raises(ValueError, match="batch"):
        lm.masking.sample(config)


def test_views_are_what_training_sees(model: lm.LatentMIM, images: np.ndarray) -> None:
    """A first step by hand measures what the trainer does."""
    data = lm.Arrays(images)
    trainer = lm.Trainer(model, data, epochs=1, batch_size=40, seed=9, base_learning_rate=0.0)
    crops = data.crops(model.config, training=trainer.config)
    views = lm.masking.sample(model.config, images=np.arange(40), seed=9)
    loss, metrics = model.loss(crops, views, gamma=trainer.config.similarity_start, precision=trainer.precision)
    model.zero_gradients()
    step = trainer.step()
    for name, value in metrics.items():
        assert step[name] == pytest.approx(value, rel=1e-4), name
    assert loss == metrics["loss"]
