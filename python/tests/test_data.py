"""Data sets and views: what goes in comes out, and depends on what it should."""

import gc
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
    data = lm.Arrays(pixels(3, 60, 90))
    assert data.resized((20, 30)).shape == (3, 20, 30, 3)
    cropped = data.resized(32, [1], short_side=40)
    wanted = lm.resize(data[1], (40, 60))[4:36, 14:46]
    assert np.abs(cropped[0] - wanted).max() < 1e-4


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
