"""Ranks without labels against NumPy and SciPy; what collapse looks like in them; odd shapes; the command line."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from conftest import pixels

import latentmim as lm
from latentmim import cli
from latentmim.evaluate import Features, without_labels


def spread_out(count: int, width: int, seed: int = 0, decay: float = 0.6, offset: float = 0.5) -> np.ndarray:
    """Vectors [count, width] whose directions fall off, with a mean that is not 0."""
    rng = np.random.default_rng(seed)
    scales = np.arange(1, width + 1) ** -decay
    rotation = np.linalg.qr(rng.normal(size=(width, width)))[0]
    return ((rng.normal(size=(count, width)) * scales + offset) @ rotation).astype(np.float32)


def entropy_rank(weights: np.ndarray, epsilon: float = 0.0) -> float:
    shares = weights / weights.sum() + epsilon
    shares = shares[shares > 0]
    return math.exp(-(shares * np.log(shares)).sum())


def rankme(x: np.ndarray) -> float:
    return entropy_rank(np.linalg.svd(x.astype(np.float64), compute_uv=False), 1e-7)


def effective_rank(x: np.ndarray) -> float:
    x = x.astype(np.float64)
    return entropy_rank(np.linalg.svd(x - x.mean(0), compute_uv=False))


def alpha(x: np.ndarray) -> float:
    """Eigenvalues of the covariance, and a line through their logarithms by NumPy's weighted least squares."""
    eigenvalues = np.linalg.eigvalsh(np.cov(x.astype(np.float64).T))[::-1]
    numbers = np.arange(12, min(50, len(x) - 1, x.shape[1]) + 1)
    # polyfit's weights are of residuals, not of their squares.
    return float(-np.polyfit(np.log(numbers), np.log(eigenvalues[numbers - 1]), 1, w=numbers**-0.5)[0])


def similarity(x: np.ndarray) -> float:
    units = x.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    cosines = units @ units.T
    return float((cosines.sum() - np.trace(cosines)) / (len(x) * (len(x) - 1)))


def lidar(views: np.ndarray) -> float:
    """As the paper writes it: eigenvalues of W^−½ B W^−½."""
    views = views.astype(np.float64)
    means = views.mean(1)
    centred = means - means.mean(0)
    between = centred.T @ centred / len(views)
    deviations = (views - means[:, np.newaxis]).reshape(-1, views.shape[2])
    within = deviations.T @ deviations / len(deviations) + 1e-4 * np.eye(views.shape[2])
    root = np.linalg.inv(scipy.linalg.sqrtm(within).real)
    return entropy_rank(np.clip(np.linalg.eigvalsh(root @ between @ root), 0, None), 1e-7)


@pytest.mark.parametrize(("count", "width"), [(300, 64), (40, 96), (2, 7), (65, 64), (64, 1), (500, 3)])
def test_ranks_against_numpy(count: int, width: int) -> None:
    """More images than numbers in a vector, fewer, two of them, one number."""
    x = spread_out(count, width)
    found = without_labels(None, x)
    assert found.rankme == pytest.approx(rankme(x), rel=1e-9)
    assert found.effective_rank == pytest.approx(effective_rank(x), rel=1e-7)
    assert found.similarity == pytest.approx(similarity(x), abs=2e-6)
    if min(count - 1, width) >= 21:
        assert found.alpha == pytest.approx(alpha(x), rel=1e-7)
    else:
        assert math.isnan(found.alpha)
    assert found.lidar is None
    assert (found.images, found.width, len(found.layers)) == (count, width, 1)
    assert found.layers[0].layer is None


def test_alpha_of_a_power_law() -> None:
    """Eigenvalues i^−1.7 exactly: singular values are set, directions are orthogonal and centred."""
    rng = np.random.default_rng(1)
    left = np.linalg.qr(rng.normal(size=(200, 60)) - 0)[0]
    left = np.linalg.qr(left - left.mean(0))[0]
    right = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    x = (left * np.arange(1, 61) ** (-1.7 / 2)) @ right.T
    assert without_labels(None, x.astype(np.float64)).alpha == pytest.approx(1.7, abs=1e-3)


@pytest.mark.parametrize(("images", "views", "width"), [(60, 5, 24), (12, 4, 40), (2, 2, 5), (9, 30, 1), (30, 3, 17)])
def test_lidar_against_its_definition(images: int, views: int, width: int) -> None:
    rng = np.random.default_rng(2)
    centres = spread_out(images, width, seed=3)
    x = (centres[:, np.newaxis] + 0.3 * rng.normal(size=(images, views, width))).astype(np.float32)
    found = without_labels(None, x)
    assert found.lidar == pytest.approx(lidar(x), rel=1e-6)
    assert found.options["views"] == views
    assert found.rankme == pytest.approx(rankme(x[:, 0]), rel=1e-9), "ranks are of the first views"


def collapsed(count: int, width: int, noise: float = 1e-4) -> np.ndarray:
    rng = np.random.default_rng(4)
    return (rng.normal(size=width) + noise * rng.normal(size=(count, width))).astype(np.float32)


def test_a_constant_with_noise_is_collapsed_whatever_its_rank() -> None:
    """The centred rank of noise is above that of a good encoder; the verdict and every row say what it is worth."""
    healthy, constant = without_labels(None, spread_out(1000, 384)), without_labels(None, collapsed(1000, 384))
    assert constant.effective_rank > 330
    assert constant.effective_rank > healthy.effective_rank
    assert constant.similarity > 0.9999
    assert constant.is_collapsed
    assert constant.verdict.startswith("Collapsed: images look alike (mean cosine between images 1.0, above 0.98)")
    assert not healthy.is_collapsed
    assert healthy.verdict.startswith("Images differ")
    for found in (healthy, constant):
        assert found.verdict in str(found)
        header, _, row = str(found).splitlines()[:3]
        assert header.split(" | ")[-1] == "similarity |"
        assert float(row.strip(" |").split(" | ")[-1]) == pytest.approx(found.similarity, abs=5.1e-4)
    # RankMe as published does not centre, and falls: not so where the constant is small beside the noise.
    assert constant.rankme < 1.1


def test_lidar_is_fooled_too() -> None:
    rng = np.random.default_rng(5)
    constant = rng.normal(size=32)
    noise = 1e-4 * rng.normal(size=(400, 1, 32)) + 1e-5 * rng.normal(size=(400, 4, 32))
    found = without_labels(None, (constant + noise).astype(np.float32))
    assert found.lidar is not None
    assert found.lidar > 25
    assert found.is_collapsed


def test_spread_says_where_a_rank_is_none() -> None:
    spread = lm.diagnostics.Spread(np.array([20.0, 30.4]), np.array([0.31, 0.99995]))
    lines = str(spread).splitlines()
    assert not lines[1].endswith("collapsed")
    assert lines[2].endswith("collapsed: the rank is that of noise")
    assert "collapsed" in spread._repr_markdown_().splitlines()[-1]


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constants(value: float) -> None:
    """All vectors equal, zeros among them: no direction, no line through eigenvalues, and no trap."""
    found = without_labels(None, np.full((30, 3, 25), value, np.float32))
    assert (found.effective_rank, found.lidar, found.rankme) == (1, 1, pytest.approx(1, abs=1e-4))
    assert math.isnan(found.alpha)
    assert found.is_collapsed
    assert "| – |" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["layers"][0]["alpha"] is None


def test_a_line_is_collapsed() -> None:
    line = np.linspace(-1, 1, 50, dtype=np.float32)[:, np.newaxis] * spread_out(1, 20)
    found = without_labels(None, line)
    assert found.effective_rank == pytest.approx(1, abs=1e-3)
    assert found.is_collapsed
    assert "lie on one line" in found.verdict


def test_duplicates() -> None:
    """Every image twice: the same directions; eigenvalues that are 0 but for rounding count for nothing."""
    x = spread_out(30, 64)
    once, twice = without_labels(None, x), without_labels(None, np.concatenate([x, x]))
    assert twice.effective_rank == pytest.approx(once.effective_rank, rel=1e-6)
    assert twice.alpha == pytest.approx(once.alpha, rel=1e-6)
    assert twice.similarity > once.similarity


def test_what_is_refused() -> None:
    x = spread_out(20, 8)
    for one in (x[:1], x[np.newaxis, :1]):
        with pytest.raises(ValueError, match="there is one image that can be read, wanted two or more"):
            without_labels(None, one)
    with pytest.raises(ValueError, match=r"values do not make features \[0, 8\]"):
        without_labels(None, x[:0])
    x[3, 5] = np.nan
    with pytest.raises(ValueError, match="row 3, channel 5 of the given set is not finite"):
        without_labels(None, x)
    with pytest.raises(ValueError, match=r"data: shape is \[8\], wanted \[N, C\]"):
        without_labels(None, x[0])
    with pytest.raises(TypeError, match="no options of images"):
        without_labels(None, spread_out(20, 8), views=3)
    with pytest.raises(TypeError, match="dtype is int64, wanted float32"):
        without_labels(None, np.ones((3, 3), np.int64))


def test_features_from_elsewhere() -> None:
    x = spread_out(50, 30)
    assert without_labels(None, Features(x, np.zeros(50, int))).to_dict() == without_labels(None, x).to_dict()


def test_an_encoder_layer_by_layer(model: lm.LatentMIM, images: np.ndarray) -> None:
    """What is ranked are the features that `features` gives; views are crops of training."""
    encoder = model.encoder
    found = without_labels(encoder, images, views=3, seed=7, progress=False)
    assert [layer.layer for layer in found.layers] == [0, 1, 2]
    for layer in found.layers:
        x = lm.evaluate.features(encoder, images, layer=layer.layer, progress=False)
        assert layer.rankme == pytest.approx(rankme(x), rel=1e-4)
        assert layer.effective_rank == pytest.approx(effective_rank(x), rel=1e-4)
        assert layer.similarity == pytest.approx(similarity(x), abs=1e-5)
    assert (found.rankme, found.similarity) == (found.layers[-1].rankme, found.layers[-1].similarity)
    assert (found.images, found.width, found.options) == (40, 48, {"images": 1000, "views": 3, "seed": 7})
    again = without_labels(encoder, images, views=3, seed=7, progress=False)
    assert again.to_dict() == found.to_dict()
    other = without_labels(encoder, images, views=3, seed=8, progress=False)
    assert other.lidar != found.lidar
    assert other.layers == found.layers
    one = without_labels(encoder, images, views=0, layer=-1, pooling="cls", norm=True, progress=False)
    assert one.lidar is None
    assert [layer.layer for layer in one.layers] == [2]
    assert one.tap == "last block, after norm, cls"


def test_images_are_spread_over_the_set(model: lm.LatentMIM, images: np.ndarray) -> None:
    few = without_labels(model.encoder, images, images=8, views=0, progress=False)
    assert few.images == 8
    same = without_labels(model.encoder, images[::5], views=0, progress=False)
    assert few.layers == same.layers


def test_unreadable_images_are_left_out(model: lm.LatentMIM, folder: Path) -> None:
    whole = without_labels(model.encoder, folder, views=2, progress=False)
    (folder / "cats" / "zz.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    data = lm.ImageFolder(folder, on_error="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = without_labels(model.encoder, data, views=2, progress=False)
    assert found.images == whole.images == 12
    assert found.rankme == pytest.approx(whole.rankme, rel=1e-6)


def test_encoders_refusals(model: lm.LatentMIM, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="there is one image"):
        without_labels(model.encoder, images[:1], progress=False)
    with pytest.raises(ValueError, match="without_labels: views is 1, wanted 0, or 2 or more"):
        without_labels(model.encoder, images, views=1)
    with pytest.raises(ValueError, match="without_labels: images is 1, wanted 2"):
        without_labels(model.encoder, images, images=1)
    with pytest.raises(ValueError, match="crops"):
        without_labels(model.encoder, images, crops=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="encoder: is a LatentMIM"):
        without_labels(model, images)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layer"):
        without_labels(model.encoder, images, layer=9, progress=False)


def test_threads_change_nothing(model: lm.LatentMIM, images: np.ndarray) -> None:
    before = lm.runtime.thread_count()
    try:
        found = []
        for threads in (1, 3):
            lm.runtime.set_thread_count(threads)
            found.append(without_labels(model.encoder, images, views=3, progress=False).to_dict())
    finally:
        lm.runtime.set_thread_count(before)
    assert found[0] == found[1]


def test_command_line(model: lm.LatentMIM, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, found = str(tmp_path / "encoder.safetensors"), tmp_path / "found.json"
    model.encoder.save(weights)
    call = ["evaluate", weights, str(folder), "--protocol", "without_labels"]
    assert cli.main([*call, "--set", "views=2", "--seed", "3", "--json", str(found)]) == 0
    assert "| layer | RankMe | effective rank | α | similarity |" in capsys.readouterr().out
    written: dict[str, Any] = json.loads(found.read_text())
    assert written["options"] == {"images": 1000, "views": 2, "seed": 3}
    assert cli.main([*call, "--train", str(folder)]) == 1
    assert "--train: is no option of --protocol without_labels, only of nn, knn" in capsys.readouterr().err
    assert cli.main([*call, "--k", "3"]) == 1
    assert (
        "--k: is no option of --protocol without_labels, only of knn, knn_uniform, duplicates"
        in capsys.readouterr().err
    )


def test_pixels_are_used(model: lm.LatentMIM) -> None:
    """Equal pictures are collapsed, whatever encoder looks at them."""
    same = np.repeat(pixels(1), 30, axis=0)
    assert without_labels(model.encoder, same, views=0, progress=False).is_collapsed
