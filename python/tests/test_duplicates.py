"""Copies, near copies and outliers; among equally near neighbours the lowest index comes first, on every path."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import _latentmim as native
from latentmim import cli
from latentmim.evaluate import Duplicates, Features, duplicates

OPTIONS: dict[str, Any] = {"size": (32, 40), "progress": False}


@pytest.fixture(scope="module")
def encoder() -> lm.Encoder:
    return lm.LatentMIM(**SMALL, seed=1).encoder


def with_copies() -> np.ndarray:
    """Of 24 images 2, 9 and 23 are the same, 4 and 11 too, and 17 is 5 but for a pixel."""
    images = pixels(24)
    images[[9, 23]], images[11] = images[2], images[4]
    images[17] = images[5]
    images[17, 20, 20] += 1
    return images


def groups(found: Duplicates) -> list[list[int]]:
    return [group.tolist() for group in found.groups]


# ---- What is found ---------------------------------------------------------------------------------------------------


def test_copies_are_told_from_near_ones(encoder: lm.Encoder) -> None:
    found = duplicates(encoder, with_copies(), threshold=0.99999, **OPTIONS)
    assert groups(found) == [[2, 9, 23], [4, 11], [5, 17]]
    assert [copies.tolist() for copies in found.exact] == [[2, 9, 23], [4, 11]]
    assert found.neighbors[[2, 9, 23, 4, 11, 5, 17]].tolist() == [9, 2, 2, 11, 4, 17, 5]
    assert (found.similarities[[2, 9, 23]] > 1 - 1e-6).all()
    assert found.kept.tolist() == [index for index in range(24) if index not in (9, 23, 11, 17)]
    kinds = {row["image"]: row["kind"] for row in found.table()}
    assert kinds == {2: "exact", 9: "exact", 23: "exact", 4: "exact", 11: "exact", 5: "near", 17: "near"}
    assert found.table()[0] == {
        "group": 0, "kind": "exact", "image": 2, "path": None, "neighbor": 9, "similarity": found.similarities[2],
    }  # fmt: skip
    assert str(found).startswith("7 of 24 images in 3 groups at a cosine of 0.99999 or more, 5 of them exact copies;")
    assert "| 2 | near | image 17 |" in found.markdown()
    assert json.loads(json.dumps(found.to_dict()))["groups"] == groups(found)


def test_agrees_with_scikit_learn(encoder: lm.Encoder) -> None:
    from scipy.sparse.csgraph import connected_components
    from sklearn.metrics.pairwise import cosine_similarity
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(2)
    rows = (rng.standard_normal((40, 6)) + 3).astype(np.float32)
    cosines = cosine_similarity(rows.astype(np.float64))
    for threshold in (0.9, 0.96, 0.98):
        found = duplicates(None, Features(rows, np.zeros(40, int)), threshold=threshold, k=5)
        count, label = connected_components(cosines >= threshold)
        wanted = [np.flatnonzero(label == number).tolist() for number in range(count)]
        assert groups(found) == sorted(group for group in wanted if len(group) > 1)
    distances, nearest = NearestNeighbors(n_neighbors=6, metric="cosine").fit(rows.astype(np.float64)).kneighbors()
    assert (found.neighbors == nearest[:, 0]).all()
    np.testing.assert_allclose(found.similarities, 1 - distances[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.typicality, 1 - distances[:, :5].mean(axis=1), atol=1e-6)


def test_outliers_are_below_tukeys_fence() -> None:
    rng = np.random.default_rng(3)
    rows = (0.1 * rng.standard_normal((60, 8)) + 1).astype(np.float32)
    rows[[7, 31]] = [[1, -1] * 4, [-1, 1, 1, 1, -1, -1, 1, 1]]
    found = duplicates(None, Features(rows, np.zeros(60, int)), threshold=0.9999)
    assert set(found.outliers[:2].tolist()) == {7, 31}
    low, high = np.quantile(found.typicality, (0.25, 0.75))
    assert (np.flatnonzero(found.typicality < low - 1.5 * (high - low)) == np.sort(found.outliers)).all()
    assert (np.diff(found.typicality[found.outliers]) >= 0).all()
    assert found.k == 10
    # No images of a kind are strange.
    same = duplicates(None, Features(np.ones((9, 3)), np.zeros(9, int)))
    assert (same.outliers.size, groups(same), same.k) == (0, [list(range(9))], 8)
    assert same.neighbors.tolist() == [1, *[0] * 8]


def test_folders_have_paths_and_skip_what_cannot_be_read(
    encoder: lm.Encoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    images = pixels(12)
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    Image.fromarray(images[3]).save(tmp_path / "20.bmp")
    (tmp_path / "05.png").write_bytes(b"nothing")
    data = lm.data.ImageFolder(tmp_path, on_error="skip")
    with pytest.warns(UserWarning, match=r"features: .*05\.png"):
        found = duplicates(encoder, data, threshold=0.99999, **OPTIONS)
    assert groups(found) == [[3, 12]]
    assert [copies.tolist() for copies in found.exact] == [[3, 12]]
    assert found.table()[1]["path"] == data.paths[12] == found.paths[12]
    assert found.neighbors[5] == -1
    assert np.isnan(found.similarities[5]) and np.isnan(found.typicality[5])
    assert 5 not in found.neighbors
    assert len(data.subset(found.kept)) == 12

    weights = tmp_path.parent / f"{tmp_path.name}.safetensors"
    encoder.save(weights)
    report = tmp_path.parent / f"{tmp_path.name}.json"
    command = ["evaluate", str(weights), str(tmp_path), "--protocol", "duplicates", "--size", "32", "40"]
    with pytest.warns(UserWarning, match=r"features: .*05\.png"):
        assert cli.main([*command, "--threshold", "0.99999", "--k", "4", "--json", str(report)]) == 0
    assert "| 0 | exact | " in capsys.readouterr().out
    assert json.loads(report.read_text())["groups"] == [[3, 12]]
    for extra, text in (
        (["--train", "x"], "--train: is no option of --protocol duplicates"),
        (["--k", "3", "4"], "--k: has 2 numbers, --protocol duplicates wants one"),
        (["--set", "sice=3"], "--protocol duplicates: unknown option 'sice'; did you mean 'size'"),
        (["--threshold", "3"], "threshold: is 3.0, wanted a cosine"),
    ):
        with pytest.warns(UserWarning) if "--threshold" in extra else _no_warnings():
            assert cli.main([*command, *extra]) != 0
        assert text in capsys.readouterr().err
    assert cli.main(["evaluate", str(weights), str(tmp_path), "--threshold", "0.9"]) != 0
    assert "--threshold: is no option of --protocol nn, only of duplicates" in capsys.readouterr().err


def _no_warnings() -> Any:
    import contextlib

    return contextlib.nullcontext()


@pytest.mark.parametrize(
    ("rows", "options", "text"),
    [
        (np.ones((3, 2)), {"threshold": 1.5}, "threshold: is 1.5, wanted a cosine, −1 … 1"),
        (np.ones((3, 2)), {"threshold": np.nan}, "threshold: is nan, wanted a cosine"),
        (np.ones((3, 2)), {"k": 0}, "k: is 0, wanted at least 1"),
        (np.ones((1, 2)), {}, "duplicates: of 1 images 1 could be read, wanted at least two"),
        (np.full((3, 2), np.nan), {}, "duplicates: of 3 images 0 could be read, wanted at least two"),
    ],
)
def test_strange_calls_are_refused(rows: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        duplicates(None, Features(rows, np.zeros(len(rows), int)), progress=False, **options)


def test_memory_does_not_grow_with_the_square() -> None:
    """20,000 rows have 400 million pairs: 1.6 GB of float32."""
    import resource

    rows = np.random.default_rng(0).standard_normal((20_000, 4)).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = duplicates(None, Features(rows, np.zeros(len(rows), int)), threshold=0.999999, k=1, progress=False)
    assert len(found.neighbors) == len(rows)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


# ---- Ties: the lowest index, on every path ---------------------------------------------------------------------------


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512", "avx512bf16"])
@pytest.mark.parametrize("count", [65, 66, 71, 130])
def test_copies_have_the_same_features_wherever_they_lie(encoder: lm.Encoder, instructions: str, count: int) -> None:
    if instructions == "portable" and {"Haswell", "Zen"} & set(str(lm.show_config("dicts")).split()):
        pytest.skip("OpenBLAS's kernel for this processor sums every second six rows in another order")
    before = lm.runtime.instruction_set()
    images = pixels(count)
    copies = [0, 5, 33, 64, *([count - 1] if count > 65 else [])]
    images[copies] = images[0]
    try:
        try:
            lm.runtime.set_instruction_set(instructions)
        except (ValueError, RuntimeError):
            pytest.skip("another processor")
        for pooling in ("mean", "cls"):
            vectors = lm.evaluate.features(encoder, images, pooling=pooling, **OPTIONS)
            assert len({vectors[copy].tobytes() for copy in copies}) == 1
        found = duplicates(encoder, images, threshold=0.999999, **OPTIONS)
        assert found.neighbors[copies].tolist() == [5, *[0] * (len(copies) - 1)]
        assert groups(found) == [copies]
    finally:
        lm.runtime.set_instruction_set(before)


@pytest.mark.parametrize("width", [3, 17, 48, 385])
def test_nearest_rows_ties(width: int) -> None:
    """For every k, among themselves and of others, whatever the copies' places and scales."""
    rng = np.random.default_rng(width)
    bank = rng.standard_normal((2100, width)).astype(np.float32)
    copies = [3, 700, 1023, 1024, 2047, 2048, 2099]
    bank[copies] = bank[3]
    queries = np.stack([bank[3], bank[3], rng.standard_normal(width).astype(np.float32)])
    for k in (1, 2, 5, 7, 12):
        rows, cosines = np.empty((3, k), np.int64), np.empty((3, k))
        native.nearest_rows(queries, bank, rows, cosines)
        assert rows[0, :7].tolist() == rows[1, :7].tolist() == copies[:k]
        assert len(set(cosines[0, :7].tolist())) == 1
        assert (np.diff(cosines, axis=1) <= 0).all()
        rows, cosines = np.empty((len(bank), k), np.int64), np.empty((len(bank), k))
        native.nearest_rows(None, bank, rows, cosines)
        for copy in copies:
            assert rows[copy, :6].tolist() == [other for other in copies if other != copy][:k]
    ordered = np.argsort(-(bank / np.linalg.norm(bank, axis=1)[:, np.newaxis]) @ queries[2], kind="stable")
    rows, cosines = np.empty((3, 20), np.int64), np.empty((3, 20))
    native.nearest_rows(queries, bank, rows, cosines)
    assert set(rows[2, :15].tolist()) <= set(ordered[:30].tolist())


def test_nearest_rows_refuses() -> None:
    rows, cosines, bank = np.empty((2, 3), np.int64), np.empty((2, 3)), np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match="k is 3, but"):
        native.nearest_rows(bank, bank, rows, cosines)
    with pytest.raises(ValueError, match="k is 3, but"):
        native.nearest_rows(None, bank, rows, cosines)
    with pytest.raises((ValueError, TypeError)):
        native.nearest_rows(np.ones((2, 5), np.float32), bank, rows, cosines)
    with pytest.raises(ValueError, match="row 0, channel 0"):
        native.nearest_rows(bank * np.nan, np.ones((9, 4), np.float32), rows, cosines)


def test_k_nearest_votes_by_the_lowest_of_equals() -> None:
    """A query like six copies: with k = 1 … 5 those with the lowest indices vote."""
    rng = np.random.default_rng(0)
    train = rng.standard_normal((50, 24)).astype(np.float32)
    copies = np.array([4, 13, 20, 33, 40, 49])
    train[copies] = train[4]
    labels = np.zeros(50, int)
    labels[copies] = [1, 2, 2, 3, 3, 3]
    test = Features(train[4:5], [1])
    for protocol in (lm.evaluate.knn, lm.evaluate.knn_uniform):
        predicted = [
            protocol(None, Features(train, labels), test, k=k, progress=False).predictions[0] for k in range(1, 7)
        ]
        # One of class 1; then 1 and 2 tie, and the lower, and nearer, wins; then 2 has two, 3 gets as many, then more.
        assert predicted == [1, 1, 2, 2, 2, 3]
    found = lm.evaluate.nearest_neighbor(None, Features(train, labels), progress=False)
    assert found.neighbors[copies].tolist() == [13, 4, 4, 4, 4, 4]


def test_pictures_show_the_lowest_of_equals(encoder: lm.Encoder) -> None:
    pytest.importorskip("matplotlib")
    images = pixels(31)
    copies = [1, 6, 17, 29, 30]
    images[copies] = images[1]
    axes = lm.plot.neighbors(encoder, images, [17, 1], count=3, **OPTIONS)
    assert [ax.get_title() for ax in axes[0, 1:]] == ["1.000"] * 3
    from latentmim.plot.neighbor_rows import _nearest

    vectors = lm.evaluate.features(encoder, images, **OPTIONS)
    for count in (1, 3, 4, 6):
        rows, cosines = _nearest(vectors, np.array([17, 1, 0]), count)
        assert rows[0, :4].tolist() == [1, 6, 29, 30][:count]
        assert rows[1, :4].tolist() == [6, 17, 29, 30][:count]
        assert 0 not in rows[2]
        assert len(set(cosines[0, :4].tolist())) == 1
    # More copies than are asked for, and the query is the last of them.
    rows, _ = _nearest(np.ones((7, 3), np.float32), np.array([6]), 2)
    assert rows.tolist() == [[0, 1]]
    vectors[3] = np.nan
    with pytest.raises(ValueError, match="neighbors: queries hold 3, an image that could not be read"):
        lm.plot.neighbors(encoder, images, [3], features=vectors)


def test_matches_are_the_first_of_equals(encoder: lm.Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from latentmim.plot import patch_matches

    marked: list[tuple[int, int]] = []
    monkeypatch.setattr(patch_matches, "mark", lambda axes, grid, cell: marked.append(cell))
    found = patch_matches.patches

    def repeated(*arguments: Any) -> Any:
        made = found(*arguments)
        flat = made.vectors.reshape(-1, made.vectors.shape[2])
        flat[[2, 9, 13, 19]] = flat[2]
        return made

    monkeypatch.setattr(patch_matches, "patches", repeated)
    images = pixels(6, 32, 40)
    axes = lm.plot.matches(encoder, images[0], (18, 3), images[[0, 0, 3]], per_image=3, size=None, progress=False)
    # 4 × 5 patches: the query is patch 2, its copies are 9, 13 and 19.
    assert marked[:7] == [(0, 2), (0, 2), (1, 4), (2, 3), (0, 2), (1, 4), (2, 3)]
    assert [ax.get_title().split(":")[0] for ax in axes[1:3]] == ["image 0", "image 1"]


def test_similarities_of_copies_are_equal() -> None:
    """In the explorer and in `plot.neighborhoods`: a matrix product would give them other last bits."""
    from latentmim.exploring.findings import similarities

    rng = np.random.default_rng(1)
    for width in (17, 48, 192):
        for count in (13, 61, 131):
            rows = rng.standard_normal((count, width)).astype(np.float32)
            copies = [0, 3, count // 2, count - 1]
            rows[copies] = rows[0]
            found = similarities(rows / np.linalg.norm(rows, axis=1)[:, np.newaxis], 1)
            assert len(set(found[copies].tolist())) == 1
