"""Features: shapes, taps, sizes, files, and the nearest-neighbour score."""

import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, pixels
from safetensors.numpy import load_file, save_file
from sklearn.neighbors import NearestNeighbors

import latentmim as lm


def test_shapes(model: lm.LatentMIM) -> None:
    images = pixels(3, 32, 40)
    encoder = model.encoder
    assert encoder.features(images).shape == (3, 20, 48)
    assert encoder.features(images[0]).shape == (20, 48)
    assert encoder.features(images, class_token=True).shape == (3, 21, 48)
    assert encoder.features(pixels(2, 64, 24)).shape == (2, 24, 48)
    assert encoder.features(pixels(2, 50, 61), resize=(16, 24)).shape == (2, 6, 48)
    assert encoder.features(pixels(2, 50, 61), resize="nearest").shape == (2, 6 * 8, 48)
    assert encoder.features(images, projector=True).shape == (3, 20, 48)
    assert encoder.pool(images).shape == (3, 48)
    assert encoder.features(images).dtype == np.float32


def test_bytes_and_floats_are_the_same(model: lm.LatentMIM) -> None:
    images = pixels(2, 32, 40)
    found = model.encoder.features(images)
    assert np.allclose(found, model.encoder.features(images / 255), atol=1e-5)
    assert np.allclose(found[1], model.encoder.features(images[1]), atol=1e-5)


def test_taps(model: lm.LatentMIM) -> None:
    image = pixels(1, 32, 40)
    last = model.encoder.features(image, norm=False)
    assert np.array_equal(last, model.encoder.features(image, layer=2, norm=False))
    assert not np.allclose(last, model.encoder.features(image, layer=1, norm=False))
    for layer in range(3):
        counted = model.encoder.features(image, layer=layer)
        assert np.array_equal(counted, model.encoder.features(image, layer=layer - 3))
        chosen = [lm.evaluate.features(model.encoder, image, layer=n, progress=False) for n in (layer, layer - 3)]
        assert np.array_equal(*chosen)
    weights = model.parameters()
    mean, deviation = last.mean(-1, keepdims=True), last.std(-1, keepdims=True)
    normed = (last - mean) / np.sqrt(deviation**2 + 1e-6) * weights["encoder.norm.weight"] + weights[
        "encoder.norm.bias"
    ]
    assert np.allclose(model.encoder.features(image), normed, atol=1e-4)


def test_positions_of_other_grids(model: lm.LatentMIM) -> None:
    image = pixels(1, 64, 80)
    spanning, extending = (
        model.encoder.features(image, layer=0, norm=False, extend_positions=x) for x in (False, True)
    )
    small = model.encoder.features(image[:, :32, :40], layer=0, norm=False)
    # Extended positions begin like those of the trained grid.
    assert np.allclose(extending.reshape(8, 10, 48)[:4, :5], small.reshape(4, 5, 48), atol=1e-5)
    assert not np.allclose(spanning.reshape(8, 10, 48)[:4, :5], small.reshape(4, 5, 48), atol=1e-2)


def test_pooling(model: lm.LatentMIM) -> None:
    images = pixels(3, 32, 40)
    tokens = model.encoder.features(images, class_token=True)
    patches = tokens[:, 1:]
    largest = np.sort(patches, axis=1)[:, ::-1]
    for pooling, wanted in {
        "cls": tokens[:, 0],
        "mean": patches.mean(1),
        "max": patches.max(1),
        "topk_mean": largest[:, :4].mean(1),
    }.items():
        assert np.allclose(model.encoder.pool(images, pooling, k=4), wanted, atol=1e-5), pooling


def test_files(model: lm.LatentMIM, tmp_path: Path) -> None:
    image = pixels(1, 32, 40)
    path = tmp_path / "encoder.safetensors"
    model.encoder.save(path)
    stored = load_file(path)
    assert {name.split(".")[0] for name in stored} == {"encoder"}
    assert np.array_equal(stored["encoder.norm.weight"], model.parameters()["encoder.norm.weight"])
    encoder = lm.load_encoder(path)
    assert encoder.config == model.config
    assert np.array_equal(encoder.features(image), model.encoder.features(image))
    model.save(tmp_path / "model.safetensors")
    assert np.array_equal(lm.load_encoder(tmp_path / "model.safetensors").features(image), encoder.features(image))
    again = lm.LatentMIM.load(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert all(np.array_equal(value, again.parameters()[name]) for name, value in model.parameters().items())
    with pytest.raises(ValueError, match="its own configuration"):
        lm.load_encoder(path, patch_gap=3)


def test_the_encoder_outlives_its_model_and_follows_it() -> None:
    image = pixels(1, 32, 40)
    model = lm.LatentMIM(**SMALL)
    encoder = model.encoder
    before = encoder.features(image)
    model.load_parameters({name: value + np.float32(0.01) for name, value in model.parameters().items()})
    after = encoder.features(image)
    assert not np.allclose(before, after)
    del model
    assert np.array_equal(encoder.features(image), after)


def test_threads_of_python_may_share_an_encoder(model: lm.LatentMIM) -> None:
    """Calls wait for each other; nothing is mixed up."""
    images = pixels(8, 32, 40)
    wanted = [model.encoder.features(image) for image in images]
    encoder, found = model.encoder, {}

    def work(index: int) -> None:
        for _ in range(20):
            found[index] = encoder.features(images[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[index], wanted[index]) for index in range(8))


def test_long_calls_can_be_interrupted() -> None:
    """A signal's handler runs while features are computed, and what it raises arrives."""
    encoder = lm.LatentMIM(**SMALL | {"width": 192, "depth": 12}).encoder
    images = np.zeros((4000, 64, 80, 3), np.uint8)

    def handler(*_: object) -> None:
        raise TimeoutError("enough")

    earlier = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeoutError, match="enough"):
            encoder.features(images)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
    assert np.isfinite(encoder.features(images[:1])).all()


def test_nearest_neighbor(model: lm.LatentMIM) -> None:
    labels = np.arange(30) % 4
    data = lm.Arrays(pixels(30, 40, 60), labels)
    score = lm.evaluate.nearest_neighbor(model.encoder, data, progress=False)
    vectors = lm.evaluate.features(model.encoder, data, progress=False)
    # By hand: images brought to the trained size (the grid is not square), mean of patches before the norm.
    resized = data.resized(model.config.image_size)
    assert np.allclose(vectors, model.encoder.features(resized, norm=False).mean(1), atol=1e-4)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    oracle = NearestNeighbors(n_neighbors=2, metric="cosine").fit(unit).kneighbors(unit)[1]
    nearest = np.where(oracle[:, 0] == np.arange(30), oracle[:, 1], oracle[:, 0])
    assert np.array_equal(score.neighbors, nearest)
    assert score.accuracy == pytest.approx((labels[nearest] == labels).mean())
    assert score.count == 30
    assert "30 images" in str(score)
    assert float(score) == score.accuracy
    again = lm.evaluate.nearest_neighbor(model.encoder, data, progress=False)
    assert (score == again) in (True, False), "no array is asked whether it is true"
    assert "last block" in lm.evaluate.nearest_neighbor(model.encoder, data, layer=-1, progress=False).tap
    assert "block 1" in lm.evaluate.nearest_neighbor(model.encoder, data, layer=-2, progress=False).tap
    some = lm.evaluate.features(model.encoder, data, [3, 7], progress=False)
    assert np.allclose(some, vectors[[3, 7]], atol=1e-5)
    assert lm.evaluate.features(model.encoder, data, [], progress=False).shape == (0, 48)
    whole = lm.evaluate.features(model.encoder, data, size=np.int64(32), short_side=np.int64(36), progress=False)
    assert np.array_equal(whole, lm.evaluate.features(model.encoder, data, size=32, short_side=36, progress=False))


def test_what_was_skipped_is_not_scored(folder: Path, model: lm.LatentMIM) -> None:
    """In the place of a broken file another is read, perhaps of another class: it counts once."""
    photos = lm.ImageFolder(folder, on_error="skip")
    Path(photos.paths[5]).write_bytes(b"no picture")
    whole = [*range(5), *range(6, 12)]
    for score in (
        lm.evaluate.nearest_neighbor(model.encoder, photos, progress=False),
        lm.evaluate.pixels_nearest_neighbor(photos, 16, progress=False),
    ):
        assert score.count == 11
        assert score.images.tolist() == whole
        assert 5 not in score.neighbors
        assert (score.neighbors != score.images).all()
    with pytest.raises(ValueError, match="cannot read"):
        lm.evaluate.nearest_neighbor(model.encoder, folder, progress=False)


def test_raw_pixels() -> None:
    images = pixels(10, 16, 16)
    images[5:] = images[:5]
    data = lm.Arrays(images, np.arange(10) % 5)
    score = lm.evaluate.pixels_nearest_neighbor(data, 16, progress=False)
    assert score.accuracy == 1
    assert score.neighbors.tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="no labels"):
        lm.evaluate.pixels_nearest_neighbor(lm.Arrays(images), 16)


def test_weights_without_a_configuration(model: lm.LatentMIM, tmp_path: Path) -> None:
    """What shapes do not tell is guessed aloud, or said by the user; the file's name does not matter."""
    path = tmp_path / "bare"
    model.encoder.save(path)
    save_file(load_file(path), path)
    with pytest.warns(UserWarning, match="number of heads; 1 taken"):
        lm.load_encoder(path, grid=model.config.grid)
    encoder = lm.load_encoder(path, grid=model.config.grid, heads=model.config.heads)
    image = pixels(1, 32, 40)
    assert np.array_equal(encoder.features(image), model.encoder.features(image))
    model.encoder.save(path)
    with pytest.raises(ValueError, match="holds its own configuration; heads cannot be given"):
        lm.load_encoder(path, heads=3)
