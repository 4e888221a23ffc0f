"""Image files as users have them: read like Pillow reads them, resized like Pillow resizes, in every format at once."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import latentmim as lm
from latentmim import bench_reading
from latentmim.cli import main


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Waves, edges and noise: [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 7 + y / 11), np.cos(x * y / 900), np.sign(np.sin(x / 23) * np.sin(y / 17))], -1)
    noise = np.random.default_rng(seed).normal(0, 25, waves.shape)
    return (waves * 90 + 128 + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(333, 500), (500, 333), (480, 480)])
def test_crop_then_resize_as_pillow_does(height: int, width: int) -> None:
    # Pillow 13 rounds to 8 bits between the two directions, in an order that depends on the shape.
    pixels, random = picture(height, width), np.random.default_rng(height)
    image = Image.fromarray(pixels)
    for _ in range(120):
        rows, columns = np.sort(random.integers(0, height, 2)), np.sort(random.integers(0, width, 2))
        box = (columns[0], rows[0], columns[1] + 1, rows[1] + 1)
        size = tuple(int(side) for side in random.integers(8, 300, 2))
        expected = np.asarray(image.crop(box).resize((size[1], size[0]), Image.Resampling.BICUBIC))
        found = lm.resize(pixels[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1], size)
        np.testing.assert_array_equal(np.round(found * 255), expected)


def bicubic(x: NDArray[Any]) -> NDArray[Any]:
    x, a = np.abs(x), -0.5
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weights(inputs: int, outputs: int) -> NDArray[Any]:
    """[outputs, inputs] float64, Pillow's antialiased bicubic filter."""
    scale = inputs / outputs
    widening = max(scale, 1)
    centers = (np.arange(outputs) + 0.5) * scale
    table = np.zeros((outputs, inputs))
    for row, center in zip(table, centers, strict=True):
        first, last = max(int(center - 2 * widening + 0.5), 0), min(int(center + 2 * widening + 0.5), inputs)
        row[first:last] = bicubic((np.arange(first, last) - center + 0.5) / widening)
    return table / table.sum(1, keepdims=True)


@pytest.mark.parametrize("size", [(20, 31), (90, 40), (64, 64)])
def test_sixteen_bits_keep_all_their_digits(size: tuple[int, int]) -> None:
    fine = np.random.default_rng(1).integers(30000, 30300, (57, 64, 2)).astype(np.uint16)
    across = np.einsum("oi,hic->hoc", weights(64, size[1]), fine / 65535)
    expected = np.einsum("oi,iwc->owc", weights(57, size[0]), across)
    assert np.abs(lm.resize(fine, size) - expected).max() < 2e-6


FILES = {"a.jpg": {}, "b.png": {}, "c.webp": {"lossless": True}, "d.tif": {}, "e.bmp": {}, "f.ppm": {}, "g.JPEG": {}}


def mixed(folder: Path, per_class: int = 2) -> Path:
    """Two classes of files of all formats, a GIF and a text."""
    for name in ("first", "second"):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            for file, options in FILES.items():
                Image.fromarray(picture(40, 52, number)).save(folder / name / f"{number}{file}", **options)
    Image.fromarray(picture(40, 52)).save(folder / "first" / "moving.gif")
    (folder / "second" / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_of_every_format(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"1 \.gif, 1 \.txt"):
        photos = lm.ImageFolder(mixed(tmp_path))
    assert len(photos) == 28
    assert photos.classes == ["first", "second"]
    assert np.bincount(photos.labels).tolist() == [14, 14]
    assert "2 left out" in repr(photos)
    exact = [
        image for image, path in zip(photos, photos.paths, strict=True) if not path.lower().endswith(("jpg", "jpeg"))
    ]
    assert len(exact) == 20
    assert {image.shape for image in exact} == {(40, 52, 3)}
    expected = [picture(40, 52, number) / 255 for number in (0, 1)]
    assert all(min(np.abs(image - wanted).max() for wanted in expected) < 1e-6 for image in exact)


def test_a_class_of_unreadable_files_keeps_its_number(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    (folder / "0 broken").mkdir()
    (folder / "0 broken" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        photos = lm.ImageFolder(folder, on_error="skip")
    assert photos.classes == ["0 broken", "first", "second"]
    rows = photos.resized(8)
    assert np.isnan(rows[0]).all()
    assert not np.isnan(rows[1:]).any()
    assert [(Path(path).name, "PNG" in reason) for path, reason in photos.skipped] == [("cut.png", True)]
    with pytest.raises(ValueError, match=r"cut\.png.*PNG"):
        lm.load_image(folder / "0 broken" / "cut.png")


def bands(count: int) -> NDArray[np.uint16]:
    values = np.random.default_rng(3).integers(0, 65535, (6, 24, 24, count)).astype(np.uint16)
    return np.ascontiguousarray(values)


def test_many_channels_from_file_to_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    for number, values in enumerate(bands(8)):
        (folder / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        np.save(folder / "ab"[number % 2] / f"{number}.npy", values)
    with pytest.raises(ValueError, match="has 8 channels, wanted 3"):
        lm.ImageFolder(folder)[0]
    tiles = lm.ImageFolder(folder, channels=8)
    assert "of 8 channels" in repr(tiles)
    np.testing.assert_allclose(tiles[3], bands(8)[1] / 65535, atol=1e-7)
    options = {"channels": 8, "grid": 2, "patch_size": 4, "width": 16, "depth": 1, "heads": 2, "decoder_depth": 1}
    model = lm.pretrain(folder, tmp_path / "run", epochs=1, batch_size=2, progress=False, **options)
    assert model.encoder.features(folder).shape[0] == 6
    out = str(tmp_path / "segments")
    assert main(["segment", str(tmp_path / "run"), str(folder / "a" / "0.npy"), "--segments", "2", "--out", out]) == 0
    assert main(["evaluate", str(tmp_path / "run"), str(folder), "--protocol", "nn"]) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays_of_three_types_are_the_same_images(dtype: Any) -> None:
    highest = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = (np.linspace(0, 1, 4 * 9 * 9 * 3).reshape(4, 9, 9, 3) * highest).astype(dtype)
    found = lm.data.Arrays(values).resized(9)
    np.testing.assert_allclose(found, values / highest, atol=2e-7)


def test_transparency_and_its_background(tmp_path: Path) -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (lm.load_image(tmp_path / "clear.png") == 1).all()
    assert (lm.load_image(tmp_path / "clear.png", background=0.5) * 255 == 128).all()
    assert (lm.load_image(tmp_path / "clear.png", background=(1, 0, 1))[0, 0] == [1, 0, 1]).all()
    assert (lm.load_image(tmp_path / "clear.png", channels=4) == 0).all()
    with pytest.raises(ValueError, match="background"):
        lm.load_image(tmp_path / "clear.png", background=(1, 2))
    with pytest.raises(ValueError, match="background: is"):
        lm.load_image(tmp_path / "clear.png", background=200)
    with pytest.raises(ValueError, match="background: is 'white', wanted one value"):
        lm.load_image(tmp_path / "clear.png", background="white")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="channels: is '3', wanted a whole number"):
        lm.load_image(tmp_path / "clear.png", channels="3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels: is 0"):
        lm.load_image(tmp_path / "clear.png", channels=0)


def test_fast_decoding_is_near_and_resumes_the_same(tmp_path: Path) -> None:
    large = Image.fromarray(picture(64, 80)).resize((640, 512), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=90)
    config = lm.ModelConfig.resolve("vit_tiny", grid=2, patch_size=16)
    crops = {}
    for fast in (False, True):
        options = lm.TrainingConfig.resolve(fast_decode=fast, crop_area=(0.5, 1.0))
        folder = lm.ImageFolder(tmp_path)
        crops[fast] = [folder.crops(config, training=options) for _ in range(2)]
        # The first time the file is decoded as a whole, then only in part.
        np.testing.assert_array_equal(*crops[fast])
    difference = np.abs(crops[True][0] - crops[False][0])
    assert 0 < difference.mean() < 0.1


def test_channel_statistics_of_many_pixels(tmp_path: Path) -> None:
    # A mean over channels-last float32 in NumPy stops growing: 0.334 instead of 0.5.
    half = np.broadcast_to(np.float32(0.5), (1000, 224, 224, 3))
    mean, std = lm.data.channel_statistics(half, progress=False)
    np.testing.assert_allclose(mean, 0.5, atol=1e-6)
    np.testing.assert_allclose(std, 0, atol=1e-6)
    values = bands(5)
    found = lm.data.channel_statistics(values, progress=False)
    np.testing.assert_allclose(found.mean, (values / 65535).mean((0, 1, 2)), atol=1e-12)
    np.testing.assert_allclose(found.std, (values / 65535).std((0, 1, 2)), atol=1e-12)
    for number, size in enumerate([(9, 11), (30, 4)]):
        Image.fromarray(picture(*size, number)).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    pixels = np.concatenate([picture(9, 11, 0).reshape(-1, 3), picture(30, 4, 1).reshape(-1, 3)]) / 255
    folder = lm.ImageFolder(tmp_path, on_error="skip")
    np.testing.assert_allclose(lm.data.channel_statistics(folder, progress=False).mean, pixels.mean(0), atol=1e-12)
    with pytest.raises(ValueError, match="bad"):
        lm.data.channel_statistics(tmp_path, progress=False)


def test_reading_is_measured_beside_pillow(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(picture(60, 80, number)).save(folder / f"{number}.jpg")
    before = lm.thread_count()
    found = bench_reading.reading(folder, images=2, turns=1)
    assert lm.thread_count() == before
    speeds = found["images_per_second"]
    assert {"latentmim", "latentmim, fast_decode", "Pillow"} <= set(speeds)
    assert all(0 < speed < 1e6 for speed in speeds.values())
    assert "1.00 ×" in "".join(bench_reading.report(found))
    lm.data.pack(folder, tmp_path / "packed.safetensors", progress=False)
    packed = bench_reading.reading(tmp_path / "packed.safetensors", images=2, turns=1)
    assert set(packed["images_per_second"]) == {"latentmim", "latentmim, fast_decode"}
