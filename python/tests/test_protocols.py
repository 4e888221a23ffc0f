"""Protocols against scikit-learn and NumPy, from the same features and the same shuffles; errors; the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import protocols_reference as reference
import pytest
from conftest import SMALL, pixels
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

import latentmim as lm
from latentmim import cli
from latentmim.commands.evaluating import RUNNERS, Runner
from latentmim.evaluate import Features, Report, Result
from latentmim.evaluate.running import FUNCTIONS, PROTOCOLS

SUITE = [name for name in PROTOCOLS if name != "fine_tune"]


def clusters(count: int, width: int = 24, classes: int = 5, seed: int = 0, noise: float = 2.0) -> tuple[Any, Any]:
    """Noisy clusters, float32 [count, width], and their classes."""
    centres = np.random.default_rng(99).normal(size=(classes, width))
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    return (centres[labels] + noise * rng.normal(size=(count, width))).astype(np.float32), labels


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1, rounded to float32 as the definition's vectors are."""
    return (x / np.maximum(np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True), 1e-12)).astype(np.float32)


def vote(train: Any, test: Any, k: int, temperature: float | None) -> np.ndarray:
    """Predictions by the definition: exact cosines, ties to the lowest index; temperature None: plain votes."""
    bank, queries = unit(train[0]).astype(np.float64), unit(test[0]).astype(np.float64)
    found = []
    for query in queries:
        cosines = np.array([np.dot(row, query) for row in bank])
        nearest = np.lexsort((np.arange(len(bank)), -cosines))[:k]
        weights = np.ones(k) if temperature is None else np.exp(cosines[nearest] / temperature)
        votes = np.bincount(train[1][nearest], weights)
        winners = np.flatnonzero(votes == votes.max())
        by_nearness = [label for label in train[1][nearest] if label in winners]
        found.append(winners[0] if temperature is not None else by_nearness[0])
    return np.array(found)


def features(sets: Any) -> Features:
    return Features(*sets, tap="clusters")


def test_knn_is_the_definition_and_scikit_learns() -> None:
    train, test = clusters(500), clusters(120, seed=1)
    found = lm.evaluate.knn(None, features(train), features(test), k=(1, 10, 20, 100, 200), progress=False)
    for k in (1, 10, 20, 100, 200):
        wanted = vote(train, test, k, 0.07)
        assert found.scores[f"k = {k}"] == (wanted == test[1]).mean()
        if k == 20:
            assert np.array_equal(found.predictions, wanted)
            assert found.accuracy == (wanted == test[1]).mean()
        oracle = KNeighborsClassifier(
            k, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / 0.07)
        ).fit(train[0].astype(np.float64), train[1])
        assert found.scores[f"k = {k}"] == oracle.score(test[0].astype(np.float64), test[1])
    assert (found.train, found.test, found.classes, found.seeds) == (500, 120, 5, ())


@pytest.mark.parametrize("k", [1, 4, 20])
def test_plain_votes(k: int) -> None:
    train, test = clusters(300, classes=9), clusters(150, classes=9, seed=1)
    found = lm.evaluate.knn_uniform(None, features(train), features(test), k=k, progress=False)
    assert np.array_equal(found.predictions, vote(train, test, k, None))


def test_ties_of_copies_and_of_votes() -> None:
    """Small whole numbers: cosines tie exactly, and so do votes."""
    rng = np.random.default_rng(3)
    train = rng.integers(-1, 2, (400, 3)).astype(np.float32), rng.integers(4, size=400)
    test = rng.integers(-1, 2, (60, 3)).astype(np.float32), rng.integers(4, size=60)
    for k in (2, 3, 8):
        for temperature in (0.07, 1.0):
            weighted = lm.evaluate.knn(
                None, features(train), features(test), k=k, temperature=temperature, progress=False
            )
            assert np.array_equal(weighted.predictions, vote(train, test, k, temperature))
        plain = lm.evaluate.knn_uniform(None, features(train), features(test), k=k, progress=False)
        assert np.array_equal(plain.predictions, vote(train, test, k, None))


@pytest.mark.parametrize(
    "options",
    [
        {"base_learning_rate": 0.5, "batch_size": 64, "epochs": 6, "warmup_epochs": 2, "seed": 7},
        {"base_learning_rate": 4.0, "batch_size": 50, "epochs": 8, "warmup_epochs": 0, "weight_decay": 0.02},
        {"base_learning_rate": 2.0, "batch_size": 256, "epochs": 9, "warmup_epochs": 1.5, "trust_coefficient": 0.01,
         "momentum": 0.5, "init_std": 0.2, "seed": 2**40},
    ],
)  # fmt: skip
def test_linear_probe_step_by_step(options: dict[str, Any]) -> None:
    train, test = clusters(330), clusters(90, seed=1)
    found = lm.evaluate.linear_probe(None, features(train), features(test), progress=False, **options)
    names = {"base_learning_rate": "base", "batch_size": "batch", "warmup_epochs": "warmup", "weight_decay": "decay"}
    losses, logits = reference.linear(
        (train[0].astype(np.float64), train[1]), test[0].astype(np.float64),
        **{names.get(name, name): value for name, value in options.items()},
    )  # fmt: skip
    assert len(found.losses) == len(losses)
    assert np.allclose(found.losses, losses, rtol=2e-5, atol=2e-6)
    agree(found, logits, test[1])


def agree(found: Result, logits: np.ndarray, labels: np.ndarray) -> None:
    """Predictions are those of the reference but where its two best are equal to rounding."""
    ordered = np.sort(logits, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-4 * np.abs(logits).max()
    assert clear.mean() > 0.9
    assert np.array_equal(found.predictions[clear], logits.argmax(1)[clear])
    if found.deviation is None:
        assert found.accuracy == (found.predictions == labels).mean()


@pytest.mark.parametrize(
    "options", [{}, {"schedule": "constant", "weight_decay": 0.01}, {"batch_norm": False, "shots": 5, "momentum": 0.5}]
)
def test_few_shot_step_by_step(options: dict[str, Any]) -> None:
    train, test = clusters(400), clusters(150, seed=1)
    keywords = {"iterations": 60, "batch_size": 32, "seeds": (1, 2, 3)} | options
    found = lm.evaluate.few_shot(None, features(train), features(test), progress=False, **keywords)
    runs = []
    for number, seed in enumerate(keywords["seeds"]):
        losses, logits = reference.few_shot(
            (train[0].astype(np.float64), train[1]), test[0].astype(np.float64), shots=options.get("shots", 16),
            rate=0.1, batch=32, iterations=60, seed=seed, cosine="schedule" not in options,
            momentum=options.get("momentum", 0.9), decay=options.get("weight_decay", 0.0),
            batch_norm=options.get("batch_norm", True),
        )  # fmt: skip
        assert np.allclose(found.losses[60 * number : 60 * (number + 1)], losses, rtol=1e-4, atol=1e-5)
        runs.append((logits.argmax(1) == test[1]).mean())
    agree(found, logits, test[1])
    assert list(found.scores.values()) == pytest.approx(runs, abs=1.5 / 150)
    assert found.accuracy == pytest.approx(np.mean(list(found.scores.values())))
    assert found.deviation == pytest.approx(np.std(list(found.scores.values()), ddof=1))
    assert found.seeds == (1, 2, 3)


def test_batches_fit_small_sets() -> None:
    """At most a sixteenth of the set, but 32, and never more than there is; as many steps as in100 has."""
    for count, batch in ((20, 20), (100, 32), (640, 40), (20_000, 1024)):
        train = clusters(count, width=4, classes=2)
        found = lm.evaluate.linear_probe(None, features(train), features(train), preset="in100", progress=False)
        assert found.options["batch_size"] == batch
        assert len(found.losses) == 20 * (count // batch)
    one_thousand_k = lm.evaluate.linear_probe(None, features(train), features(train), preset="in1k", progress=False)
    assert len(one_thousand_k.losses) == 90 * 16
    assert one_thousand_k.options["base_learning_rate"] == 0.1
    middle = lm.evaluate.linear_probe(None, features(train), features(train), progress=False)
    assert (middle.label, middle.options["batch_size"], middle.options["epochs"]) == ("linear, small", 1024, 130)
    small = lm.evaluate.linear_probe(None, *[features(clusters(100, width=4, classes=2))] * 2, progress=False)
    assert small.label == "linear, small"
    assert (small.options["epochs"], small.options["warmup_epochs"], small.options["base_learning_rate"]) == (
        820,
        82,
        16,
    )
    assert len(small.losses) == 2460


def test_augmented_probe(model: lm.LatentMIM) -> None:
    """What the batches are is tested in Swift; here: every epoch sees other parts, and the label says so."""
    train, test = labelled(70, 0), labelled(30, 1)
    options: Any = {"epochs": 3, "batch_size": 32, "seed": 5, "init_std": 1.0, "progress": False}
    cached, found, again = (
        lm.evaluate.linear_probe(model.encoder, train, test, augment=augment, **options)
        for augment in (False, True, True)
    )
    assert found.label == "linear, small, augmented"
    assert cached.label == "linear, small"
    assert found.train == 70
    assert len(found.losses) == 6
    assert again.to_dict() == found.to_dict()
    assert not np.allclose(found.losses, cached.losses, rtol=1e-3)
    with pytest.raises(ValueError, match="linear, augmented: learns from images"):
        lm.evaluate.linear_probe(None, *[features(clusters(50))] * 2, augment=True)


def labelled(count: int, seed: int, classes: int = 3) -> lm.Arrays:
    return lm.Arrays(pixels(count, 40, 60, seed=seed), np.arange(count) % classes)


def test_an_encoders_features_are_what_is_scored(model: lm.LatentMIM) -> None:
    train, test = labelled(90, 0), labelled(40, 1)
    for score, options in (
        (lm.evaluate.knn, {"pooling": "cls", "norm": True}),
        (lm.evaluate.knn_uniform, {"pooling": "cls", "norm": True}),
        (lm.evaluate.linear_probe, {"pooling": "topk_mean", "norm": True}),
        (lm.evaluate.few_shot, {"pooling": "mean", "norm": True}),
    ):
        keywords: Any = {"k": 10} if score is lm.evaluate.knn else {}
        usual = score(model.encoder, train, test, progress=False, **keywords)
        given = [
            Features(lm.evaluate.features(model.encoder, data, progress=False, **options), data.labels)
            for data in (train, test)
        ]
        by_hand = score(None, *given, progress=False, **keywords)
        assert np.array_equal(usual.predictions, by_hand.predictions)
        assert np.array_equal(usual.losses, by_hand.losses)
        assert usual.scores == by_hand.scores
        assert f"after norm, {options['pooling']}" in usual.tap
        assert by_hand.tap == "given features"
    early = lm.evaluate.knn(model.encoder, train, test, k=5, layer=1, norm=False, pooling="max", progress=False)
    assert early.tap == "block 1, before norm, max"
    sized = lm.evaluate.knn(model.encoder, train, test, k=5, size=32, short_side=36, progress=False)
    assert sized.tap.endswith("short side 36, centre 32×32")
    projected = lm.evaluate.knn(model.encoder, train, test, k=5, projector=True, progress=False)
    assert "projector" in projected.tap


def test_suite_is_its_parts(model: lm.LatentMIM) -> None:
    train, test = labelled(90, 0), labelled(40, 1)
    report = lm.evaluate.suite(model, train, test, progress=False)
    assert [result.protocol for result in report] == SUITE
    assert report.left_out == {}
    alone = [lm.evaluate.nearest_neighbor(model.encoder, test, progress=False)]
    alone += [getattr(lm.evaluate, FUNCTIONS[name])(model.encoder, train, test, progress=False) for name in SUITE[1:]]
    for together, single in zip(report, alone, strict=True):
        assert together.to_dict() == single.to_dict()
        assert str(together) == single.row()
    lines = report.markdown().splitlines()
    assert len(lines) == 2 + len(SUITE)
    assert lines[0] == "| protocol | features | images | seed | top-1 |"
    assert all(line.count("|") == 6 for line in lines)
    assert "90 train, 40 test images" in lines[3]
    assert "40 images" in lines[2]
    assert report["knn"].scores.keys() == {"k = 10", "k = 20"}
    json.dumps(report.to_dict(), allow_nan=False)
    with pytest.raises(KeyError, match="fine_tune"):
        report["fine_tune"]


def test_suite_leaves_out_what_does_not_apply(model: lm.LatentMIM) -> None:
    report = lm.evaluate.suite(model.encoder, labelled(15, 0), labelled(8, 1), progress=False)
    assert [result.protocol for result in report] == [name for name in SUITE if name != "few_shot"]
    assert report["knn_uniform"].options["k"] == 15
    assert "5 training images" in report.left_out["few_shot"]
    assert "few_shot left out: " in str(report)
    with pytest.raises(KeyError, match="5 training images"):
        report["few_shot"]
    without = lm.evaluate.suite(model, None, labelled(8, 1), progress=False)
    assert [result.protocol for result in without] == ["nn"]
    assert list(without.left_out) == SUITE[1:]
    assert without.left_out["knn"] == "there is no training set, and it learns from one"


def test_poolings_compared(model: lm.LatentMIM) -> None:
    train, test = labelled(60, 0), labelled(30, 1)
    report = lm.evaluate.compare_poolings(
        model, train, test, "knn", k=5, poolings=("cls", "topk_mean", "max"), pooling_k=(3, 20), progress=False
    )
    taps = ["cls", "topk_mean 3", "topk_mean 20", "max"]
    assert [result.tap for result in report] == [f"last block, after norm, {tap}" for tap in taps]
    for result, (pooling, k) in zip(
        report, [("cls", None), ("topk_mean", 3), ("topk_mean", 20), ("max", None)], strict=True
    ):
        options: Any = {"pooling": pooling} | ({"pooling_k": k} if k else {})
        alone = lm.evaluate.knn(model.encoder, train, test, k=5, progress=False, **options)
        assert alone.to_dict() == result.to_dict()
    assert len(lm.evaluate.compare_poolings(model, None, test, "nn", progress=False)) == 4


def test_classes_of_folders_are_found_by_name(model: lm.LatentMIM, tmp_path: Path) -> None:
    """`dog` is class 2 of three here, 1 of two there."""
    images = pixels(24, 40, 52, seed=4)
    for part, classes in (("train", ["ant", "bee", "dog"]), ("test", ["bee", "dog"]), ("other", ["bee", "owl"])):
        for index, image in enumerate(images):
            place = tmp_path / part / classes[index % len(classes)]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{index:02}.jpg", quality=92)
    found = lm.evaluate.knn(model.encoder, tmp_path / "train", tmp_path / "test", k=5, progress=False)
    names = np.array(lm.ImageFolder(tmp_path / "train").classes)
    folder = lm.ImageFolder(tmp_path / "test")
    truth = np.array(folder.classes)[folder.labels]
    assert found.accuracy == (names[found.predictions] == truth).mean()
    with pytest.raises(ValueError, match="'owl'"):
        lm.evaluate.knn(model.encoder, tmp_path / "train", tmp_path / "other", k=5, progress=False)
    broken = lm.ImageFolder(tmp_path / "test", on_error="skip")
    Path(broken.paths[3]).write_bytes(b"no picture")
    assert lm.evaluate.knn(model.encoder, tmp_path / "train", broken, k=5, progress=False).test == 23


def test_what_users_get_wrong(model: lm.LatentMIM) -> None:
    train, test = labelled(60, 0), labelled(30, 1)
    bare = lm.Arrays(pixels(30, 40, 60))
    sets = features(clusters(50)), features(clusters(20, seed=1))
    few, knn, linear = lm.evaluate.few_shot, lm.evaluate.knn, lm.evaluate.linear_probe
    with pytest.raises(ValueError, match="training set has no labels"):
        knn(model.encoder, bare, test, progress=False)
    with pytest.raises(ValueError, match="test set has no labels"):
        lm.evaluate.suite(model, train, bare, progress=False)
    with pytest.raises(ValueError, match=r"k is 100.*60 images"):
        knn(model.encoder, train, test, k=(10, 100), progress=False)
    with pytest.raises(ValueError, match=r"class 0 has 12 training images.*16"):
        few(model.encoder, labelled(60, 0, 5), labelled(30, 1, 5), progress=False)
    with pytest.raises(ValueError, match="the class 3"):
        knn(model.encoder, train, labelled(30, 1, 5), k=5, progress=False)
    with pytest.raises(ValueError, match=r"batch_size is 99.*2 … 50"):
        linear(None, *sets, batch_size=99)
    with pytest.raises(ValueError, match=r"epochs is 0"):
        linear(None, *sets, epochs=0)
    with pytest.raises(ValueError, match=r"preset is 'in10'"):
        linear(None, *sets, preset="in10")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"base_learning_rate: is nan"):
        linear(None, *sets, base_learning_rate=float("nan"))
    with pytest.raises(ValueError, match=r"topk_mean with k = 30 on 20"):
        knn(model.encoder, train, test, k=5, pooling="topk_mean", pooling_k=30, progress=False)
    with pytest.raises(ValueError, match=r"unknown option 'epocs'; did you mean 'epochs'"):
        lm.evaluate.compare_poolings(model, train, test, epocs=3, progress=False)
    with pytest.raises(ValueError, match=r"'svm' is unknown, wanted one of 'nn', 'knn'"):
        lm.evaluate.compare_poolings(model, train, test, "svm", progress=False)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"model\.encoder"):
        knn(model, train, test)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no encoder"):
        knn(model.encoder, *sets)
    with pytest.raises(TypeError, match="no encoder"):
        knn(None, *sets, pooling="cls")
    with pytest.raises(TypeError, match="two of a kind"):
        knn(model.encoder, sets[0], test)
    with pytest.raises(FloatingPointError, match="few_shot: the loss is not finite at step"):
        few(None, *sets, shots=2, learning_rate=1e6, weight_decay=1e6, progress=False)
    nan = clusters(20)
    nan[0][3, 2] = np.nan
    with pytest.raises(ValueError, match="row 3, channel 2 of the test set is not finite"):
        knn(None, sets[0], features(nan), k=5)
    with pytest.raises(ValueError, match="24 wide, those of the test set 3"):
        knn(None, sets[0], features(clusters(5, width=3)), k=5)
    for vectors, labels in (([[]], [0]), (np.zeros((0, 4)), []), (np.zeros((2, 4)), [0])):
        with pytest.raises(ValueError):
            knn(None, Features(vectors, labels), Features(vectors, labels), k=1)


def test_progress_is_told_and_what_it_raises_arrives(
    model: lm.LatentMIM, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = labelled(60, 0), labelled(30, 1)
    lm.evaluate.linear_probe(model.encoder, train, test)
    shown = capsys.readouterr().err
    assert all(what in shown for what in ("features of the training set", "features of the test set", "linear"))
    from latentmim.evaluate import running

    calls = []

    def stop(self: Any, what: str, done: int, total: int) -> None:
        calls.append(what)
        raise ZeroDivisionError(what)

    monkeypatch.setattr(running.Bar, "_tell", stop)
    with pytest.raises(ZeroDivisionError, match="features of the test set"):
        lm.evaluate.suite(model, train, test)
    assert len(calls) == 1


def test_results_tell_everything() -> None:
    train, test = clusters(60), clusters(20, seed=1)
    result = lm.evaluate.few_shot(None, features(train), features(test), iterations=5, shots=3, progress=False)
    assert result.options == {
        "shots": 3, "seeds": [1, 2, 3], "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0, "batch_size": 128,
        "iterations": 5, "schedule": "cosine", "batch_norm": True, "init_std": 0.01,
    }  # fmt: skip
    assert str(result).startswith("| few_shot, 3 a class | clusters | 60 train, 20 test images | 1, 2, 3 | ")
    assert f"{100 * result.accuracy:.1f} ± " in str(result)
    assert float(result) == result.accuracy
    assert result.to_dict()["predictions"] == result.predictions.tolist()
    assert Report((result,), {}, "")["few_shot"] is result


def test_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = str(tmp_path / "encoder.safetensors")
    lm.LatentMIM(**SMALL).encoder.save(weights)
    common = ["evaluate", weights, str(folder), "--train", str(folder)]
    for protocol, wanted in {
        "nn": "| nn |", "knn": "(k = 12)", "knn_uniform": "| knn_uniform |", "linear": "| linear, in1k |",
        "few_shot": "| few_shot, 4 a class |",
    }.items():  # fmt: skip
        more = {"knn": ["--k", "5", "12"], "knn_uniform": ["--k", "3"], "linear": ["--set", "preset=in1k"],
                "few_shot": ["--set", "shots=4", "--set", "iterations=10"]}.get(protocol, [])  # fmt: skip
        assert cli.main([*common, "--protocol", protocol, *more]) == 0
        assert wanted in capsys.readouterr().out
    written = tmp_path / "report.json"
    assert cli.main([*common, "--protocol", "suite", "--json", str(written)]) == 0
    assert "few_shot left out" in capsys.readouterr().out
    found = [result["protocol"] for result in json.loads(written.read_text())["results"]]
    assert found == [name for name in SUITE if name != "few_shot"]
    assert cli.main([*common, "--protocol", "knn", "--k", "5", "--pooling", "max", "--layer", "1"]) == 0
    assert "block 1, after norm, max" in capsys.readouterr().out
    assert cli.main(["evaluate", weights, str(folder), "--protocol", "knn", "--k", "5"]) == 1
    assert "--train" in capsys.readouterr().err
    assert cli.main([*common, "--protocol", "few_shot"]) == 1
    assert "6 training images" in capsys.readouterr().err
    assert cli.main([*common, "--protocol", "suite", "--k", "5"]) == 1
    assert "--k: is no option of --protocol suite, only of knn, knn_uniform, duplicates" in capsys.readouterr().err
    assert cli.main([*common, "--protocol", "linear", "--set", "epoch=3"]) == 1
    assert "--protocol linear: unknown option 'epoch'; did you mean 'epochs'" in capsys.readouterr().err


def test_a_protocol_on_the_command_line_is_a_runner(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry: its options, what it takes, and what it finds, shown and written."""

    class Found:
        def __str__(self) -> str:
            return "| what was found |"

        def to_dict(self) -> dict[str, Any]:
            return {"found": 7}

    def add_options(parser: Any) -> None:
        parser.add_argument("--brightness", type=float)

    found: list[Any] = []
    runner = Runner(
        run=lambda chosen: found.append(chosen.brightness) or Found(), takes=frozenset({"brightness"}),
        add_options=add_options,
    )  # fmt: skip
    monkeypatch.setitem(RUNNERS, "new", runner)
    call, written = ["evaluate", "weights", str(folder)], tmp_path / "found.json"
    assert cli.main([*call, "--protocol", "new", "--brightness", "0", "--json", str(written)]) == 0
    assert found == [0.0]
    assert capsys.readouterr().out == "| what was found |\n"
    assert json.loads(written.read_text()) == {"found": 7}
    assert cli.main([*call, "--brightness", "0"]) == 1
    assert "--brightness: is no option of --protocol nn, only of new" in capsys.readouterr().err
    assert cli.main([*call, "--protocol", "new", "--seed", "0"]) == 1
    assert "--seed: is no option of --protocol new, only of linear, few_shot" in capsys.readouterr().err
    monkeypatch.setitem(RUNNERS, "new", Runner(run=runner.run, takes=frozenset(), learns=True))
    assert cli.main([*call, "--protocol", "new"]) == 1
    assert "--protocol new learns from a training set: --train FOLDER is wanted" in capsys.readouterr().err
