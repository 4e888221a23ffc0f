"""Maps of features of images of different sizes, one after the other and in files; arrays of other libraries."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import pixels
from PIL import Image

import latentmim as lm

SIZES = [(40, 60), (33, 47), (40, 60), (8, 100), (5, 3), (64, 64)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of different sizes in two folders, two of them alike but for the ending."""
    for number, size in enumerate(SIZES):
        place = tmp_path / "photos" / "ab"[number % 2] / f"{number // 2 * 2}.{'jpg' if number else 'png'}"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(1, *size, seed=number)[0]).save(place, quality=95)
    Image.fromarray(pixels(1, 24, 24)[0]).save(tmp_path / "photos" / "a" / "0.jpg")
    return tmp_path / "photos"


def test_each_at_its_own_size(model: lm.LatentMIM, photos: Path) -> None:
    encoder, data = model.encoder, lm.ImageFolder(photos)
    found = list(encoder.each_features(photos))
    assert len(found) == len(data) == 7
    for image, features in zip(data, found, strict=True):
        assert features is not None
        assert features.shape[:2] == encoder.grid(image, resize="nearest")
        assert np.array_equal(features.reshape(-1, 48), encoder.features(image, resize="nearest"))
    for source in (data, data.paths, [Path(path) for path in data.paths], (image for image in data), list(data)):
        again = list(encoder.each_features(source))
        assert all(np.array_equal(one, two) for one, two in zip(again, found, strict=True))
    assert np.array_equal(next(encoder.each_features(data.paths[2])), found[2])
    assert [features.shape for features in encoder.each_features(pixels(3, 16, 24))] == [(2, 3, 48)] * 3
    memory = lm.Arrays(pixels(3, 16, 24))
    assert len(list(encoder.each_features(memory))) == 3
    assert len(list(encoder.each_features(memory.subset([0, 2])))) == 2


def test_options_of_each(model: lm.LatentMIM, photos: Path) -> None:
    encoder, data = model.encoder, lm.ImageFolder(photos)
    for features, image in zip(
        encoder.each_features(data, short_side=24, layer=[1, 2], part="keys", stride=4), data, strict=True
    ):
        height, width = image.shape[:2]
        size = encoder.nearest_size(height, width, short_side=24, stride=4)
        assert min(size) == 24
        assert abs(max(size) - 24 * max(height, width) / min(height, width)) <= 2
        assert features.shape == (2, *encoder.grid(size, stride=4), 48)
        wanted = encoder.features(image, resize=size, layer=[1, 2], part="keys", stride=4)
        assert np.array_equal(features.reshape(wanted.shape), wanted)
    assert {features.shape for features in encoder.each_features(data, resize=(32, 40))} == {(4, 5, 48)}
    with pytest.raises(ValueError, match="short_side: is 24, resize 32; wanted one of the two"):
        next(encoder.each_features(data, short_side=24, resize=32))
    with pytest.raises(ValueError, match=r"b/0\.jpg: .*height is 33, not divisible .*nearest are 32 and 40"):
        list(encoder.each_features([photos / "b" / "0.jpg"], resize=None))
    with pytest.raises(ValueError, match=r"image 1: .*shape"):
        list(encoder.each_features([np.zeros((8, 8, 3)), np.zeros((8, 8))]))
    with pytest.raises(ValueError, match="stride"):
        list(encoder.each_features(data, stride=9))


def test_each_is_computed_when_it_is_asked_for(model: lm.LatentMIM) -> None:
    read = []

    def source() -> Iterator[np.ndarray]:
        for number in range(3):
            read.append(number)
            yield pixels(1, 16, 16 + 8 * number)[0]

    features = model.encoder.each_features(source())
    assert read == []
    for number in range(3):
        assert next(features).shape == (2, 2 + number, 48)
        assert read == list(range(number + 1))


def test_what_cannot_be_read_has_no_map(model: lm.LatentMIM, photos: Path, tmp_path: Path) -> None:
    (photos / "b" / "2.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    data = lm.ImageFolder(photos, on_error="skip")
    place = data.paths.index(str(photos / "b" / "2.jpg"))
    found = list(model.encoder.each_features(data))
    assert [features is None for features in found] == [number == place for number in range(7)]
    with pytest.raises(ValueError, match=r"2\.jpg"):
        list(model.encoder.each_features(photos))
    with pytest.warns(UserWarning, match=r"1 images cannot be read and are left out: .*2\.jpg"):
        names = lm.save_features(model.encoder, data, tmp_path / "maps.npz", progress=False)
    assert "b/2" not in names and len(names) == 6
    with pytest.warns(UserWarning, match="cannot be read"):
        lm.save_features(model.encoder, data, tmp_path / "maps.npy", resize=16, progress=False)
    maps = np.load(tmp_path / "maps.npy")
    assert np.array_equal(np.isnan(maps).any((1, 2, 3)), np.arange(7) == place)
    assert np.isnan(maps[place]).all()
    with pytest.raises(ValueError, match=r"none of the 1 images .*2\.jpg"):
        lm.save_features(model.encoder, data.subset([place]), tmp_path / "none.npy", resize=16, progress=False)
    with pytest.raises(ValueError, match="none of 0 images could be read"):
        lm.save_features(model.encoder, [], tmp_path / "none.npy", progress=False)
    assert not (tmp_path / "none.npy").exists()


def test_files(model: lm.LatentMIM, photos: Path, tmp_path: Path) -> None:
    encoder, data = model.encoder, lm.ImageFolder(photos)
    wanted = list(encoder.each_features(data, layer=1))
    names = lm.save_features(encoder, photos, tmp_path / "maps.npz", layer=1, progress=False)
    assert names == ["a/0.jpg", "a/0.png", "a/2", "a/4", "b/0", "b/2", "b/4"]
    with np.load(tmp_path / "maps.npz") as archive:
        assert archive.files == names
        assert all(np.array_equal(archive[name], features) for name, features in zip(names, wanted, strict=True))
    files = lm.save_features(encoder, data.subset([2, 0]), tmp_path / "maps", layer=1, progress=False)
    assert files == [str(tmp_path / "maps" / "2.npy"), str(tmp_path / "maps" / "0.npy")]
    assert np.array_equal(np.load(files[0]), wanted[2]) and np.array_equal(np.load(files[1]), wanted[0])
    for source in (data, (image for image in data)):
        place = tmp_path / "maps.npy"
        assert lm.save_features(encoder, source, place, resize=(16, 24), layer=[0, 2], progress=False) == [str(place)]
        maps = np.load(place, mmap_mode="r")
        assert maps.shape == (7, 2, 2, 3, 48)
        for features, image in zip(maps, data, strict=True):
            found = encoder.features(image, resize=(16, 24), layer=[0, 2])
            assert np.array_equal(features.reshape(2, 6, 48), found)
    arrays = [np.zeros((8, 8, 3)), np.ones((16, 8, 3))]
    assert lm.save_features(encoder, arrays, tmp_path / "more.npz", progress=False) == ["000000", "000001"]
    assert lm.save_features(encoder, [photos / "a" / "0.png"] * 2, tmp_path / "twice.npz", progress=False) == [
        "0.png.0",
        "0.png.1",
    ]


def test_files_are_whole_or_not_there(model: lm.LatentMIM, photos: Path, tmp_path: Path) -> None:
    encoder = model.encoder
    for name in ("maps.npz", "maps.npy"):
        lm.save_features(encoder, pixels(2, 16, 16), tmp_path / name, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    bad = [pixels(1, 16, 16)[0], np.full((16, 16, 3), np.nan, np.float32)]
    for name in ("maps.npz", "maps.npy"):
        with pytest.raises(ValueError, match=r"image 1: .*nan"):
            lm.save_features(encoder, bad, tmp_path / name, progress=False)
    with pytest.raises(ValueError, match=r"its map is \[4, 6, 48\], those before it \[5, 8, 48\]: one .npy file wants"):
        lm.save_features(
            encoder, [photos / "a" / "0.png", photos / "b" / "0.jpg"], tmp_path / "maps.npy", progress=False
        )
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    with pytest.raises(FileNotFoundError):
        lm.save_features(encoder, pixels(1, 16, 16), tmp_path / "nowhere" / "x.npz", progress=False)
    with pytest.raises(TypeError, match="encoder"):
        lm.save_features(model, pixels(1, 16, 16), tmp_path / "x.npz")  # type: ignore[arg-type]


class Exported:
    """An array that others read by DLPack alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.values.__dlpack_device__()


class Tensor(Exported):
    """What PyTorch's tensors do that collect gradients, or lie elsewhere."""

    def __init__(self, values: np.ndarray, requires_grad: bool = True, device: str = "cpu") -> None:
        super().__init__(values)
        self.requires_grad, self.device = requires_grad, device

    def detach(self) -> "Tensor":
        return Tensor(self.values, False, self.device)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.device != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        return self.values


def test_arrays_of_other_libraries(model: lm.LatentMIM) -> None:
    images = pixels(2, 32, 40)
    scaled = (images / np.float32(255)).astype(np.float32)
    wanted, of_floats = model.encoder.features(images), model.encoder.features(scaled)
    for given in (jnp.asarray(images), jax.device_put(images), Exported(images), Tensor(images, False)):
        assert np.array_equal(model.encoder.features(given), wanted)
        assert model.encoder.grid(given) == (4, 5)
    for given in (jnp.asarray(scaled), Exported(scaled), Tensor(scaled), Tensor(scaled).detach()):
        assert np.array_equal(model.encoder.features(given), of_floats)
        assert np.array_equal(model.encoder.pool(given), model.encoder.pool(scaled))
        assert np.array_equal(model.encoder.attention(given), model.encoder.attention(scaled))
    with pytest.raises(TypeError, match=r"a Tensor that is no array on the CPU.*cuda"):
        model.encoder.features(Tensor(scaled, False, "cuda"))
    with pytest.raises(TypeError, match="dtype is object"):
        model.encoder.features(object())  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(np.from_dlpack(wanted), wanted)
        assert np.array_equal(jnp.from_dlpack(wanted), wanted)


@pytest.mark.parametrize("precision", lm.runtime.precisions())
@pytest.mark.parametrize("side", [28, 37])
def test_means_of_equal_tokens(precision: Any, side: int) -> None:
    """784 and 1369 patches of one colour, without positions: every patch is the mean."""
    encoder = lm.LatentMIM(width=48, depth=1, heads=3, grid=4, patch_size=2, patch_gap=0, projector="none").encoder
    image = np.full((2 * side, 2 * side, 3), 77, np.uint8)
    tokens = encoder.features(image, layer=[0, 1], precision=precision)
    assert tokens.shape == (2, side * side, 48)
    pooled = encoder.pool(image, layer=[0, 1], precision=precision)
    assert np.array_equal(pooled, tokens.astype(np.float64).mean(1).astype(np.float32))


@pytest.mark.parametrize("count", [784, 1369, 100_000])
def test_pooling_a_constant(count: int) -> None:
    from latentmim import _latentmim as native

    token = np.random.default_rng(0).normal(size=37).astype(np.float32)
    tokens = np.broadcast_to(token, (1, count, 37)).copy()
    for pooling in ("mean", "max", "topk_mean"):
        pooled = np.empty((1, 37), np.float32)
        native.pool(tokens, False, pooling, count if pooling == "topk_mean" else 10, pooled)
        assert np.array_equal(pooled[0], token), pooling
