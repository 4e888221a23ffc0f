"""Vectors of data sets: which image each row is, dense ones, files, data sets in the place of arrays."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import pixels
from PIL import Image

import latentmim as lm


@pytest.fixture
def damaged(tmp_path: Path) -> lm.ImageFolder:
    """Two classes of six images, every second one no image."""
    for index, image in enumerate(pixels(12, 40, 48, seed=3)):
        place = tmp_path / "photos" / "ab"[index // 6] / f"{index:02}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place, quality=95)
        if index % 2:
            place.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return lm.ImageFolder(tmp_path / "photos", on_error="skip")


def test_rows_are_the_images_of_their_indices(model: lm.LatentMIM, damaged: lm.ImageFolder) -> None:
    """A file that cannot be read has no row of another's."""
    unread = np.arange(12) % 2 == 1
    whole = lm.ImageFolder(damaged.path)
    alone = np.stack([lm.evaluate.features(model.encoder, whole, [i], progress=False)[0] for i in range(0, 12, 2)])
    with pytest.warns(UserWarning, match=r"features: 6 of 12 images cannot be read, .*01\.jpg, .*05\.jpg and others"):
        found = lm.evaluate.features(model.encoder, damaged, progress=False)
    assert np.array_equal(np.isnan(found).all(1), unread)
    assert np.allclose(found[~unread], alone, atol=1e-5)
    with pytest.warns(UserWarning, match="1 of 3"):
        some = lm.evaluate.features(model.encoder, damaged, [4, 3, 2], progress=False)
    assert np.array_equal(np.isnan(some[:, 0]), [False, True, False])
    assert np.array_equal(np.isnan(damaged.resized(16)).any((1, 2, 3)), unread)
    assert np.array_equal(np.isnan(damaged.crops(model.config)).any((1, 2, 3)), unread)
    with pytest.warns(UserWarning, match="6 of 12"):
        dense = model.encoder.features(damaged, resize=32)
    assert np.array_equal(np.isnan(dense).all((1, 2)), unread)
    spread = lm.spread(model.encoder, damaged)
    assert np.isfinite(spread.similarity).all()
    scored = lm.evaluate.pixels_nearest_neighbor(damaged, 16, progress=False)
    assert np.array_equal(scored.images, np.flatnonzero(~unread))
    assert set(scored.neighbors) <= set(scored.images)


def test_dense_vectors(model: lm.LatentMIM) -> None:
    images = pixels(70, 40, 60)
    size, patches = model.config.image_size, 20
    found = lm.evaluate.features(model.encoder, images, pooling="patches", progress=False)
    wanted = model.encoder.features(lm.resize(images, size), norm=False)
    assert found.shape == (70, patches, 48)
    assert np.allclose(found, wanted, atol=1e-4)
    tokens = lm.evaluate.features(model.encoder, images[:3], pooling="tokens", norm=True, layer=1, progress=False)
    wanted = model.encoder.features(lm.resize(images[:3], size), layer=1, class_token=True)
    assert np.allclose(tokens, wanted, atol=1e-4)
    larger = lm.evaluate.features(
        model.encoder, images[:2], size=(64, 80), pooling="patches", extend_positions=True, norm=True, progress=False
    )
    wanted = model.encoder.features(lm.resize(images[:2], (64, 80)), extend_positions=True)
    assert np.allclose(larger, wanted, atol=1e-4)
    if "bf16" in lm.runtime.precisions():
        coarse = lm.evaluate.features(model.encoder, images[:3], precision="bf16", progress=False)
        fine = lm.evaluate.features(model.encoder, images[:3], progress=False)
        assert not np.array_equal(coarse, fine)
        assert np.allclose(coarse, fine, atol=0.1)


def test_into_a_file(model: lm.LatentMIM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, place = pixels(70, 40, 60), tmp_path / "vectors.npy"
    found = lm.evaluate.features(model.encoder, images, out=place, progress=False)
    assert np.array_equal(found, lm.evaluate.features(model.encoder, images, progress=False))
    assert np.array_equal(np.load(place), found)
    assert lm.evaluate.features(model.encoder, images, [], out=tmp_path / "none.npy", progress=False).shape == (0, 48)
    before = place.read_bytes()
    files = sorted(tmp_path.iterdir())
    broken: Any = np.zeros((70, 40, 60, 3), np.float32)
    broken[66] = np.nan
    with pytest.raises(ValueError, match="66"):
        lm.evaluate.features(model.encoder, broken, out=place, progress=False)
    assert place.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files
    with pytest.raises(FileNotFoundError):
        lm.evaluate.features(model.encoder, images, out=tmp_path / "nowhere" / "x.npy", progress=False)


def test_data_sets_in_the_place_of_arrays(model: lm.LatentMIM, tmp_path: Path) -> None:
    encoder = model.encoder
    for index in range(4):
        Image.fromarray(pixels(1, 40 + index, 48, seed=index)[0]).save(tmp_path / f"{index}.jpg", quality=95)
    photos = lm.ImageFolder(tmp_path)
    levels = [np.round(photos[i] * 255).astype(np.uint8) for i in range(4)]
    same = np.concatenate([encoder.features(image[np.newaxis], resize=(32, 40)) for image in levels])
    for images in (photos, tmp_path, str(tmp_path)):
        assert np.allclose(encoder.features(images), same, atol=1e-4)
    assert np.allclose(encoder.pool(photos, resize=(32, 40)), same.mean(1), atol=1e-4)
    assert encoder.features(photos, resize=16, class_token=True).shape == (4, 5, 48)
    assert encoder.features(photos.paths[0], resize="nearest").shape == (30, 48)
    memory = lm.Arrays(pixels(3, 32, 40))
    assert np.array_equal(encoder.features(memory), encoder.features(memory.images))
    assert lm.spread(encoder, photos).effective_rank.shape == (3,)
    assert np.array_equal(lm.spread(encoder, memory).similarity, lm.spread(encoder, memory.images).similarity)
    with pytest.raises(ValueError, match="become one size"):
        encoder.features(photos, resize="nearest")


def test_what_cannot_be(model: lm.LatentMIM) -> None:
    images = pixels(2, 40, 60)
    with pytest.raises(ValueError, match=r"short_side.* -1, wanted"):
        lm.evaluate.features(model.encoder, images, short_side=-1, progress=False)
    with pytest.raises(ValueError, match=r"short_side.* -1, wanted"):
        lm.Arrays(images).resized(16, short_side=-1)
    with pytest.raises(ValueError, match="holds one image, wanted two or more"):
        lm.evaluate.nearest_neighbor(model.encoder, lm.Arrays(images[:1], [0]), progress=False)
    with pytest.raises(ValueError, match="not pooled"):
        lm.evaluate.fine_tune(
            model.encoder, lm.Arrays(images, [0, 1]), lm.Arrays(images, [0, 1]), pooling="patches", progress=False
        )


def test_neighbours_fit_the_set() -> None:
    rows = np.random.default_rng(0).normal(size=(45, 16)).astype(np.float32)
    for count, wanted in ((30, [10, 20]), (15, [10]), (5, [5])):
        train = lm.evaluate.Features(rows[:count], np.arange(count) % 3)
        test = lm.evaluate.Features(rows[30:], np.arange(15) % 3)
        assert lm.evaluate.knn(None, train, test, progress=False).options["k"] == wanted
        assert lm.evaluate.knn_uniform(None, train, test, progress=False).options["k"] == min(count, 20)
        with pytest.raises(ValueError, match=f"k is 31, but the training set holds {count} images"):
            lm.evaluate.knn(None, train, test, k=31, progress=False)


def test_notebooks_show_tables(model: lm.LatentMIM) -> None:
    data = lm.Arrays(pixels(24, 40, 60), np.arange(24) % 2)
    result = lm.evaluate.nearest_neighbor(model.encoder, data, progress=False)
    shown = result._repr_markdown_()
    assert shown.splitlines() == [
        "| protocol | features | images | seed | top-1 |",
        "|---|---|---|---|---|",
        str(result),
    ]
    assert f"{100 * float(result):.1f} %" in shown
    report = lm.evaluate.suite(model, data, data, progress=False)
    assert report._repr_markdown_() == report.markdown()
    assert "| 2 |" in lm.spread(model.encoder, data.resized((32, 40)))._repr_markdown_()


def test_several_poolings_of_one_pass_are_not_mixed(model: lm.LatentMIM, damaged: lm.ImageFolder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = lm.evaluate.knn(model.encoder, damaged, damaged, k=1, pooling="patches", progress=False)
    assert found.accuracy == 1
    assert found.tap.endswith("patches")
