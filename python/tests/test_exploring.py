"""The notebook widget without a browser: what its traits take, what it computes, what a browser's messages do.

`make test-browser` clicks it in a real one.
"""

import base64
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pretrained
import pytest
from conftest import SMALL, pixels
from PIL import Image
from traitlets import TraitError

import latentmim as lm
from latentmim.exploring import features as exploring_features
from latentmim.exploring import findings, pictures, preview
from latentmim.exploring.features import Features
from latentmim.exploring.widget import Explorer


@pytest.fixture
def encoder(model: lm.LatentMIM) -> lm.Encoder:
    return model.encoder


@pytest.fixture
def photos() -> list[np.ndarray]:
    """Three images of different sizes and types."""
    first, second, third = pixels(1, 48, 56)[0], pixels(1, 40, 160, seed=3)[0], pixels(1, 33, 30, seed=4)[0]
    return [first, second / np.float32(255), third.astype(np.uint16) * 257]


def unit(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def test_similarities_are_cosines(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    explorer = lm.explore(encoder, photos, precision="float32", patch=(1, 2, 3), layer=1)
    every = [unit(encoder.features(photo, layer=1, resize="nearest").astype(float)) for photo in photos]
    grids = [(6, 7), (5, 20), (4, 4)]
    query = every[1][2 * 20 + 3]
    for found, rows, grid in zip(explorer.similarities, every, grids, strict=True):
        assert found.shape == grid
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, (rows @ query).reshape(grid), atol=3e-6)
    assert explorer.similarities[1][2, 3] == pytest.approx(1)


def test_segments_are_those_of_segment(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    explorer = lm.explore(encoder, photos[0], precision="float32", linkage="average", view="segments", segments=4)
    for layer in (-1, 0):
        for count in (4, 1, 42):
            explorer.layer, explorer.segments = layer, count
            wanted = lm.segment(encoder, photos[0], count, linkage="average", layer=layer, size="nearest").patch_labels
            np.testing.assert_array_equal(explorer.patch_labels[0], wanted)
            sent = np.frombuffer(explorer._shown["maps"][0], np.uint32).reshape(6, 7)
            np.testing.assert_array_equal(sent, wanted)


def test_one_tree_over_all_images(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    images = [photos[0], photos[1], photos[0]]
    explorer = lm.explore(encoder, images, segments=5, precision="float32")
    wanted = lm.segment(encoder, images, 5, size="nearest")
    first, second, again = explorer.patch_labels
    for found, of_image in zip(explorer.patch_labels, wanted, strict=True):
        np.testing.assert_array_equal(found, of_image.patch_labels)
    np.testing.assert_array_equal(first, again)
    assert set(np.unique(np.concatenate([first.ravel(), second.ravel()]))) == set(range(5))


def test_components() -> None:
    """Of points along three directions of very different spread, against the singular vectors."""
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(200, 5)) * [1, 9, 0.1, 4, 0.2]).astype(np.float32)
    found = findings.components(features)
    centred = features.astype(float) - features.mean(axis=0, dtype=float)
    vectors = np.linalg.svd(centred)[2][:3]
    vectors *= np.sign([vector[np.abs(vector).argmax()] for vector in vectors])[:, None]
    # As in plot.pca: the first is green, the second blue, the third red.
    wanted = centred @ vectors[[2, 0, 1]].T
    low, high = np.percentile(wanted, 1, axis=0), np.percentile(wanted, 99, axis=0)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, 255 * np.clip((wanted - low) / (high - low), 0, 1), atol=0.51)
    assert (findings.components(np.ones((7, 4), np.float32)) == 0).all()
    assert findings.components(features[:1]).shape == (1, 3)
    two = findings.components(features[:, :2])
    assert (two[:, 0] == 0).all()
    assert (two[:, 1:].max(axis=0) == 255).all()


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("patch", (3, 0, 0), r"image 3, wanted 0 … 2"),
        ("patch", (0, 6, 0), r"row 6, column 0, wanted row 0 … 5, column 0 … 6 of image 0"),
        ("patch", (-1, 0), r"row -1, column 0, wanted row 0 … 5"),
        ("patch", 3, r"is 3, wanted \(image, row, column\)"),
        ("patch", (0.5, 1), r"wanted \(image, row, column\)"),
        ("patch", (1, 2, 3, 4), r"wanted \(image, row, column\)"),
        ("patch", None, r"wanted \(image, row, column\)"),
        ("patch", (0, 2**70, 0), r"wanted \(image, row, column\)"),
        ("threshold", 2, r"is 2.0, wanted -1 … 1"),
        ("threshold", float("nan"), r"is nan, wanted -1 … 1"),
        ("opacity", -0.1, r"is -0.1, wanted 0 … 1"),
        ("segments", 0, r"is 0, wanted 1 … 158"),
        ("segments", 159, r"is 159, wanted 1 … 158"),
        ("layer", 3, r"is 3, wanted 0 … 2, or −1 … −3"),
        ("layer", -4, r"is -4, wanted 0 … 2"),
        ("layer", "last", r"layer.*last"),
        ("view", "attention", r"'similarity', 'segments', 'pca'"),
    ],
)
def test_wrong_values(encoder: lm.Encoder, photos: list[np.ndarray], trait: str, value: Any, message: str) -> None:
    """Are refused in Python and from the browser, where the message is shown; the trait and the picture stay."""
    explorer = lm.explore(encoder, photos)
    before, shown = getattr(explorer, trait), explorer._shown
    with pytest.raises(TraitError, match=message):
        setattr(explorer, trait, value)
    assert explorer._error == ""
    with pytest.raises(TraitError, match=message):
        explorer.set_state({trait: list(value) if isinstance(value, tuple) else value})
    assert explorer._error.startswith("TraitError: ")
    assert (getattr(explorer, trait), explorer._shown) == (before, shown)
    with pytest.raises(TraitError, match=message):
        lm.explore(encoder, photos, **{trait: value})


def test_messages_of_a_browser(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    explorer = lm.explore(encoder, photos)
    seen: list[Any] = []
    explorer.observe(lambda change: seen.append((change.name, change.new)), ["patch", "layer", "threshold"])
    number = explorer._shown["number"]
    explorer.set_state({"patch": [2, 1, 0]})
    assert explorer._shown["number"] == number + 1
    np.testing.assert_array_equal(np.frombuffer(explorer._shown["maps"][1], np.float32),
                                  explorer.similarities[1].ravel())  # fmt: skip
    explorer.set_state({"threshold": 0.125})
    explorer.patch = 3, 2
    assert explorer._shown["number"] == number + 2
    with explorer.hold_trait_notifications():
        explorer.patch, explorer.layer = (0, 1), 0
    assert seen == [
        ("patch", (2, 1, 0)),
        ("threshold", 0.125),
        ("patch", (2, 3, 2)),
        ("patch", (2, 0, 1)),
        ("layer", 0),
    ]


def test_an_observers_error_is_shown(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    def complain(_: Any) -> None:
        raise RuntimeError("not like this")

    explorer = lm.explore(encoder, photos[0])
    explorer.observe(complain, "patch")
    with pytest.raises(RuntimeError, match="not like this"):
        explorer.set_state({"patch": [0, 0, 0]})
    assert explorer._error == "RuntimeError: not like this"
    explorer.unobserve(complain, "patch")
    explorer.set_state({"patch": [0, 1, 0]})
    assert explorer._error == ""


def test_only_what_is_shown_is_computed(
    encoder: lm.Encoder, photos: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = lm.explore(encoder, photos, layer=1)
    explorer.segments, explorer.threshold, explorer.opacity = 3, 0.1, 0.2
    assert explorer._shown["number"] == 1
    assert explorer._trees == {}
    explorer.view = "segments"
    assert list(explorer._trees) == [1]
    monkeypatch.setattr(findings, "merge_tree", None)
    explorer.segments = 7
    explorer.patch = 0, 0
    assert explorer._shown["number"] == 3


def test_layers_are_kept_within_a_bound(
    encoder: lm.Encoder, photos: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is computed alone, then all together where there is room; else those used last are kept."""
    features = Features(encoder, photos, cache=0)
    first = features.of_layer(2)
    assert features.of_layer(2) is first
    features.of_layer(1)
    assert list(features._kept) == [1]
    features = Features(encoder, photos)
    monkeypatch.setattr(features, "_room", 2 * first.nbytes)
    for layer in (0, 1, 0, 2):
        features.of_layer(layer)
    assert list(features._kept) == [0, 2]
    features = Features(encoder, photos)
    monkeypatch.setattr(features, "_room", 3 * first.nbytes)
    alone = features.of_layer(1)
    assert list(features._kept) == [1]
    np.testing.assert_array_equal(features.of_layer(2), first)
    assert features.of_layer(1) is alone
    monkeypatch.delattr(lm.Encoder, "features")
    features.of_layer(0)
    assert sorted(features._kept) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"cache: is -1"):
        lm.explore(encoder, photos, cache=-1)


def test_sizes(encoder: lm.Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images keep their shape; large ones are scaled down, and more so where there are many."""
    large, small = pixels(1, 500, 2000)[0], pixels(1, 20, 75)[0]
    assert Features(encoder, [large, small]).grids == [(12, 48), (3, 9)]
    assert Features(encoder, [small], "nearest").grids == [(3, 9)]
    assert Features(encoder, [small], (16, 40)).grids == [(2, 5)]
    monkeypatch.setattr(exploring_features, "ALL_PATCHES", 200)
    assert Features(encoder, [large, small]).grids == [(3, 10), (3, 9)]


def test_what_may_be_explored(encoder: lm.Encoder, folder: Path, tmp_path: Path) -> None:
    images = pixels(3)
    path = next(folder.rglob("*.jpg"))
    for given, names in (
        (images[0], ["image 0"]),
        (images, ["image 0", "image 1", "image 2"]),
        (list(images), ["image 0", "image 1", "image 2"]),
        (lm.Arrays(images), ["image 0", "image 1", "image 2"]),
        (path, [path.name]),
        ([str(path), images[0]], [path.name, "image 1"]),
        (str(folder), sorted(f"{i:02}.jpg" for i in range(12))),
        (lm.ImageFolder(folder)[:2], [f"{i:02}.jpg" for i in (1, 3)]),
    ):
        explorer = lm.explore(encoder, given)
        assert sorted(explorer._names) == names
    for given, message in (
        ([], "are 0, wanted 1 … 100"),
        (np.zeros((101, 8, 8, 3), np.uint8), "are 101, wanted 1 … 100"),
        ([images[0], images], r"images\[1\]: shape is \[3, 48, 56, 3\]"),
        ([images[0, ..., :1]], r"images\[0\]: shape is \[48, 56, 1\], wanted 3 channels"),
        (np.full((8, 8, 3), np.nan), "pixel of nan"),
    ):
        with pytest.raises(ValueError, match=message):
            lm.explore(encoder, given)
    with pytest.raises(TypeError, match=r"images\[0\]: dtype is int64"):
        lm.explore(encoder, images[0].astype(int))
    with pytest.raises(FileNotFoundError):
        lm.explore(encoder, tmp_path / "nothing.jpg")
    with pytest.raises(ValueError, match="did you mean 'threshold'"):
        lm.explore(encoder, images, treshold=1)
    with pytest.raises(TypeError, match="encoder: is a LatentMIM"):
        lm.explore(lm.LatentMIM(**SMALL), images)


@pytest.mark.parametrize("channels", [1, 2, 4, 12])
def test_any_number_of_channels(channels: int) -> None:
    explorer = lm.explore(lm.LatentMIM(**SMALL, channels=channels).encoder, pixels(1, channels=channels)[0])
    assert len(explorer._pictures[0]["pixels"]) == 48 * 56 * 3


@pytest.mark.parametrize("class_token", [False, True])
def test_wide_and_tall_images(class_token: bool) -> None:
    """Of an encoder with a class token in front of the patches, or without."""
    weights = pretrained.plain(np.random.default_rng(0), class_token=class_token, position_rows=int(class_token))
    encoder = lm.load_encoder(weights, heads=pretrained.HEADS, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    assert encoder.has_class_token == class_token
    wide = pixels(1, 16, 64)[0]
    explorer = lm.explore(encoder, [wide, wide.transpose(1, 0, 2)], patch=(1, 13, 2))
    across, down = explorer.similarities
    assert (across.shape, down.shape) == ((4, 16), (16, 4))
    assert np.unravel_index(down.argmax(), down.shape) == (13, 2)


def test_a_single_patch(encoder: lm.Encoder) -> None:
    explorer = lm.explore(encoder, pixels(1, 8, 8)[0])
    for view in ("segments", "pca", "similarity"):
        explorer.view = view
    assert explorer.patch == (0, 0, 0)
    assert (explorer.segments, explorer.patch_labels[0].tolist()) == (1, [[0]])


def test_thumbnails(tmp_path: Path) -> None:
    photo = pixels(1, 60, 80)[0]
    np.testing.assert_array_equal(pictures.thumbnail(photo, 1), photo)
    np.testing.assert_array_equal(pictures.thumbnail(photo[..., :1], 1), np.repeat(photo[..., :1], 3, 2))
    np.testing.assert_array_equal(pictures.thumbnail(photo[..., :2], 1), photo[..., [0, 1, 1]])
    large = pixels(1, 1000, 4000)[0]
    found = pictures.thumbnail(large, 1)
    assert found.shape == (200, 800, 3)
    wanted = np.asarray(Image.fromarray(large).resize((800, 200), Image.Resampling.BICUBIC), float)
    assert np.abs(found - wanted).max() <= 1
    height, width, _ = pictures.thumbnail(large, 100).shape
    assert 14_000 < height * width < 16_000


def test_what_a_notebook_keeps(encoder: lm.Encoder, photos: list[np.ndarray]) -> None:
    """Text and a picture, where the kernel is gone; the browser's files are there."""
    explorer = lm.explore(encoder, photos)
    wanted = "Explorer(3 images, similarity, layer 2 of 2, patch (0, 3, 3))"
    assert repr(explorer) == wanted
    bundle = explorer._repr_mimebundle_()[0]
    assert bundle["text/plain"] == wanted
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    np.testing.assert_array_equal(still, explorer._still())
    assert still.shape == (240, 280 + 8 + 960 + 8 + 218, 3)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "export default { render }" in explorer._esm
    assert "://" not in explorer._css + explorer._esm.replace("https://anywidget.dev", "")
    assert set(Explorer.class_trait_names(sync=True)) >= {"patch", "threshold", "segments", "layer", "view", "opacity"}


@pytest.mark.parametrize("view", ["similarity", "segments", "pca"])
def test_stills(view: str) -> None:
    """Where colours are opaque, the middle of each patch has its colour; elsewhere the image is grey."""
    values = {"similarity": np.float32([[1, 0.2], [0.6, -1]]), "segments": np.int32([[0, 1], [25, 3]]),
              "pca": np.uint8([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [255, 0, 255]]])}[view]  # fmt: skip
    wanted = {"similarity": [[253, 231, 37], None, [33, 145, 140], None],
              "segments": [[0, 114, 178], [230, 159, 0], [230, 159, 0], [204, 121, 167]],
              "pca": [[1, 2, 3], [4, 5, 6], [7, 8, 9], [255, 0, 255]]}[view]  # fmt: skip
    image = np.full((120, 60, 3), (30, 60, 90), np.uint8)
    still = preview.side_by_side([image], [preview.coloured(view, values, 0.2 + 1e-7)], 1)
    assert still.shape == (240, 120, 3)
    for (row, column), colour in zip([(60, 30), (60, 90), (180, 30), (180, 90)], wanted, strict=True):
        assert still[row, column].tolist() == (colour or [60, 60, 60])
    assert preview.coloured("similarity", np.float32([[0.5]]), 0.5)[1].all()
    half = preview.side_by_side([image] * 9, [preview.coloured(view, values, 0.2)] * 9, 0.5)
    assert half.shape == (240, 5 * 120 + 4 * 8, 3)
    np.testing.assert_allclose(half[60, 30], (60 + np.array(wanted[0])) / 2, atol=0.5)


def test_anywidget_is_asked_for_in_words() -> None:
    code = """
import sys
sys.modules["anywidget"] = None
import latentmim as lm
print("here")
lm.explore(lm.LatentMIM(grid=2, patch_size=4, width=48, depth=1, heads=3, num_visible=2).encoder, [])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "here\n", run.stderr
    assert "pip install 'latentmim[explore]'" in run.stderr
