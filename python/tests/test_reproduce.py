"""Rows as data, scales, labelled sets, what is judged of made-up numbers, and a tiny study, interrupted and resumed."""

import gzip
import json
import re
import shlex
import struct
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from conftest import pixels

import latentmim as lm
from latentmim import cli
from latentmim.commands import reproduce as command
from latentmim.reproduce import claims, data, figures, planning, report, running, study, unlabelled
from latentmim.reproduce.data import LabelledSet
from latentmim.reproduce.experiments import EXPERIMENTS
from latentmim.reproduce.planning import Request, plan
from latentmim.reproduce.results import Found, Results
from latentmim.reproduce.rows import Claim, Experiment, Row, Scores
from latentmim.reproduce.running import Runner, Scoring
from latentmim.reproduce.scale import LADDER, Scale
from latentmim.reproduce.tables import STAGES
from latentmim.runs import read_metrics

SCALE = Scale(
    size="tiny", width=48, depth=4, heads=3, grid=4, patch_size=4, channels=1, epochs=2, batch_size=16,
    base_learning_rate=1e-3,
)  # fmt: skip
SCORING = Scoring(curve_points=2, curve_images=20, fine_tune=False)
ROWS = (
    Row(key="first", name="First", paper=Scores(nn=63.3, linear=77.3, fine_tuned=89.9), model={"mask_ratio": 0.75}),
    Row(key="impossible", name="Impossible", paper=Scores(nn=1.0), model={"patch_gap": 2}),
    Row(key="second", name="Second | or so", model={"mask_ratio": 0.5, "patch_gap": 4}),
)
EXPERIMENT = Experiment(
    name="table0", title="Table 0", rows=ROWS,
    claims=(Claim("first > second", "first", "second"), Claim("first > impossible", "first", "impossible")),
)  # fmt: skip
STAGE_OPTIONS = {"mask_ratio", "patch_gap", "decoder", "decoder_depth", "projector", "similarity_coefficient"}


def labelled(train: int = 48, test: int = 24) -> LabelledSet:
    """Bright and dark noise: two classes that any features tell apart."""
    numbers = np.arange(train + test) % 2
    images = pixels(train + test, 16, 16, 1, seed=3) // 2 + (128 * numbers[:, None, None, None]).astype(np.uint8)
    return LabelledSet("noise", lm.Arrays(images[:train], numbers[:train]), lm.Arrays(images[train:], numbers[train:]))


def made_up(path: Path, numbers: dict[str, dict[str, list[float]]]) -> Results:
    results = Results(path / "results.jsonl")
    for key, measures in numbers.items():
        for measure, values in {"training": [0.5] * 3, **measures}.items():
            for seed, value in enumerate(values, 1):
                results.record(key, seed, measure, Found(value, seconds=1.0))
    return results


# ---- Rows ------------------------------------------------------------------------------------------------------------


def test_the_rows_are_the_papers() -> None:
    sizes = {name: len(experiment.rows) for name, experiment in EXPERIMENTS.items()}
    assert sizes == {"table1": 5, "table2": 5, "table3": 5, "table4": 6, "table10": 5, "table11": 13, "baselines": 7,
                     "table12": 5, "ijepa": 2, "poolings": 1}  # fmt: skip
    rows = {(name, row.key): row for name, experiment in EXPERIMENTS.items() for row in experiment.rows}
    assert rows["table1", "naive"].paper == Scores(nn=0.9, linear=7.9, similarity=1.0)
    assert rows["table2", "huber"].paper == Scores(nn=24.3, linear=46.4, fine_tuned=82.1)
    assert rows["table4", "decoder-8"].paper == Scores(nn=35.9, linear=65.8, fine_tuned=86.2)
    assert rows["table1", "mae"].paper.linear == 70.4
    assert rows["table3", "mae"].paper.linear == 59.9
    assert rows["table10", "target-0"].paper == Scores(nn=44.0, linear=67.4, fine_tuned=86.4)
    assert rows["table11", "best-mask-50"].paper == Scores(nn=7.6, linear=26.3, fine_tuned=71.4)


def test_rows_with_one_key_are_one_run_and_others_differ() -> None:
    runs: dict[str, Any] = {}
    for experiment in EXPERIMENTS.values():
        for row in experiment.rows:
            run = (dict(row.model), dict(row.training), row.average, row.longer, row.teacher)
            assert runs.setdefault(row.key, run) == run, row.key
    texts = [json.dumps(run, sort_keys=True) for run in runs.values()]
    assert len(texts) == len(set(texts)), "two keys for one run"


def test_each_stage_changes_what_its_table_is_about() -> None:
    rows = {row.key: row.model for experiment in EXPERIMENTS.values() for row in experiment.rows}

    def changed(one: str, other: str) -> set[str]:
        a, b = rows[one], rows[other]
        return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}

    assert {name: value for name, value in rows["naive"].items() if name in STAGE_OPTIONS} == {
        "mask_ratio": 0.75, "patch_gap": 0, "decoder": "self_attention", "decoder_depth": 3, "projector": "none",
        "similarity_coefficient": 0.0,
    }  # fmt: skip
    for key in ("naive", "independent", "siamese"):
        assert changed(key, "momentum") == {"target_encoder"}
    for key in ("l1", "huber", "patch-discrimination"):
        assert changed(key, "momentum") == {"objective"}
    assert changed("patch-discrimination", "mask-90") == {"mask_ratio"}
    assert changed("mask-90", "gap-4") == {"patch_gap"}
    assert changed("gap-4", "constraint") == {"similarity_coefficient"}
    assert changed("constraint", "self-attention") == {"projector"}
    assert changed("self-attention", "cross-attention") == {"decoder", "visual_cues"}
    assert changed("cross-attention", "latent-mim") == {"visual_cues"}
    assert changed("latent-mim", "decoder-8") == {"decoder_depth"}
    for row in EXPERIMENTS["table11"].rows[1:]:
        assert len(changed(row.key, "latent-mim")) == 1, row.key


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda experiment: experiment.name)
def test_claims_name_rows_and_hold_in_the_paper(experiment: Experiment) -> None:
    rows = {row.key: row for row in experiment.rows}
    for claim in experiment.claims:
        better = rows[claim.better]
        if claim.kind == "collapse":
            assert better.paper.similarity == 1.0
        elif claim.kind == "order":
            pairs = [(getattr(better.paper, name), getattr(rows[claim.worse].paper, name)) for name in ("nn", "linear")]
            known = [(a, b) for a, b in pairs if a is not None and b is not None]
            assert known
            assert all(a >= b for a, b in known[:1]), claim.text
    assert all(key in {row.key for table in EXPERIMENTS.values() for row in table.rows} for key, _ in STAGES)


# ---- Scales ----------------------------------------------------------------------------------------------------------


def test_a_scale_keeps_proportions() -> None:
    row = Row(
        key="x", name="x",
        model={"patch_gap": 4, "decoder_depth": 8, "decoder_width": 384, "target_depth": 9, "target_layers": 6},
    )  # fmt: skip
    found = SCALE.model_options(row)
    assert {name: found[name] for name in row.model} == {
        "patch_gap": 1, "decoder_depth": 3, "decoder_width": 24, "target_depth": 3, "target_layers": 2,
    }  # fmt: skip
    assert [SCALE.blocks(number) for number in (0, 1, 3, 6, 9, 12)] == [0, 1, 1, 2, 3, 4]
    assert SCALE.model_options(Row(key="x", name="x"))["decoder_width"] == 32
    with pytest.raises(ValueError, match=r"patch_gap: 2 .* 0\.5 pixels"):
        SCALE.model_options(ROWS[1])
    for size in LADDER:
        scale = Request().scale(size, labelled())
        assert lm.ModelConfig.resolve(**scale.model_options(ROWS[0])).depth == size.depth
        assert scale.patch_size == 4


def test_masks_of_whole_squares() -> None:
    simmim, conmim = (row for row in EXPERIMENTS["baselines"].rows if "mask_block" in row.model)
    scale = Request().scale(LADDER[0], labelled())
    # 16 squares of 2×2 patches: 9.8 and 12.1 of them are to be masked.
    assert scale.model_options(simmim)["num_visible"] == 4 * 6
    assert scale.model_options(conmim)["num_visible"] == 4 * 4
    assert "mask_ratio" not in scale.model_options(simmim)


def test_schedules_scale() -> None:
    row = Row(key="x", name="x", average=(0.9998, 500_000), longer=4, model={"preset": "paper"})
    found = SCALE.training_options(row, 1000)
    assert (found["epochs"], found["batch_size"], found["preset"]) == (8, 16, "paper")
    # Its memory, 1/(1−m) steps, is 1 % of the published run; 8 epochs are 8 · 62 steps.
    assert 1 / (1 - found["target_momentum"]) == pytest.approx(0.01 * 8 * 62, rel=0.15)
    assert "target_momentum" not in SCALE.training_options(ROWS[0], 1000)


def test_hours_choose_size_epochs_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With rates that are known: 1 ms an image at the smallest size, in proportion to the product of sizes beyond."""
    costs = {size.name: (size.width / 96) ** 2 * size.depth / 4 for size in LADDER}
    monkeypatch.setattr(planning, "_training_rate", lambda scale, row, data, teacher: 1e-3 * costs[scale.size])
    monkeypatch.setattr(planning, "_feature_rate", lambda scale, row, data, teacher: 0.0)
    images, rows = labelled(1000, 20), (ROWS[0], ROWS[2])
    # 3 seeds of 2 rows of 100,000 images are 600 s; a tenth is left for what is not planned.
    for hours, size, seeds, epochs in [
        (600 / 0.9 / 3600 + 0.001, "tiny", 3, 100),
        (600 / 0.9 / 3600 - 0.01, "tiny", 1, 282),
        (0.01, "tiny", 1, 16),
        (3 * 2 * 4 * 300 / 0.9 / 3600 + 0.001, "small", 3, 300),
    ]:
        found = plan(rows, images, Request(hours=hours), SCORING)
        assert (found.scale.size, found.seeds) == (size, seeds), hours
        assert found.scale.epochs == pytest.approx(epochs, abs=1)
    fixed = plan(rows, images, Request(hours=1, size="medium", epochs=7), SCORING)
    assert (fixed.scale.size, fixed.scale.epochs) == ("medium", 7)
    assert sum(fixed.seconds.values()) == pytest.approx(2 * 7 * 8)
    with pytest.raises(ValueError, match="48 training images"):
        plan(rows, labelled(), Request(), SCORING)
    with pytest.raises(ValueError, match="hours: is 0"):
        plan(rows, images, Request(hours=0), SCORING)
    # An epoch of both rows is 2 s and a tenth.
    with pytest.raises(ValueError, match=r"hours: is 0\.0005, .* takes 0\.00062; wanted so many"):
        plan(rows, images, Request(hours=0.0005), SCORING)


# ---- Labelled sets ---------------------------------------------------------------------------------------------------


def test_sets_in_files(tmp_path: Path, folder: Path) -> None:
    images, numbers = pixels(30, 8, 8, 1)[..., 0], np.arange(30, dtype=np.uint8) % 3
    np.savez(tmp_path / "set.npz", x_train=images, y_train=numbers[:, None], x_test=images[:9], y_test=numbers[:9])
    found = data.read(tmp_path / "set.npz", images=12)
    assert (len(found.train), len(found.test), found.classes, found.side) == (12, 9, 3, 8)
    assert np.bincount(data.labels(found.train)).tolist() == [4, 4, 4]
    (tmp_path / "idx").mkdir()
    for stem, count in (("train", 30), ("t10k", 9)):
        content = b"\0\0\x08\x03" + struct.pack(">III", count, 8, 8) + images[:count].tobytes()
        (tmp_path / "idx" / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
        content = b"\0\0\x08\x01" + struct.pack(">I", count) + numbers[:count].tobytes()
        (tmp_path / "idx" / f"{stem}-labels-idx1-ubyte").write_bytes(content)
    same = data.read(tmp_path / "idx")
    assert np.array_equal(same.train.images[..., 0], images)
    assert same.digest() != found.digest()
    whole = data.read(folder)
    assert (len(whole.train), len(whole.test), whole.classes) == (10, 2, 2)
    assert whole.train.images.shape[1:] == (160, 160, 3)
    # A 40×52 photograph's centre square, four times as large: its mean is that of the square in the middle.
    middle = lm.ImageFolder(folder)[0][:, 6:46]
    assert abs(whole.train[0].mean() - middle.mean()) < 0.01
    (folder / "cats").rename(folder / "birds")
    divided = tmp_path / "divided"
    for part in ("train", "val"):
        for kind in ("birds", "dogs"):
            (divided / part / kind).mkdir(parents=True)
            for photo in list((folder / kind).iterdir())[: 4 if part == "train" else 2]:
                (divided / part / kind / photo.name).write_bytes(photo.read_bytes())
    assert (len(data.read(divided).train), len(data.read(divided).test)) == (8, 4)
    (divided / "val" / "dogs").rename(divided / "val" / "cows")
    with pytest.raises(ValueError, match="different classes"):
        data.read(divided)


def test_a_part_has_the_share_of_each_class() -> None:
    numbers = (np.arange(30) % 5 == 0).astype(np.int64)
    part = data.subset(lm.Arrays(pixels(30, 8, 8), numbers), 6)
    assert np.bincount(data.labels(part)).tolist() == [5, 1]
    assert len(data.subset(part, 7)) == 6


def test_sets_that_are_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    with pytest.raises(ValueError, match="holds pictures, wanted train_images"):
        data.read(tmp_path / "other.npz")
    (tmp_path / "text.txt").write_text("no")
    with pytest.raises(ValueError, match=r"wanted a folder or an \.npz file"):
        data.read(tmp_path / "text.txt")
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4 and nothing else")
    with pytest.raises(ValueError, match=r"broken\.npz"):
        data.read(tmp_path / "broken.npz")
    (tmp_path / "one.npz").write_bytes(b"")
    np.savez(tmp_path / "one.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.zeros(4, int),
             x_test=np.zeros((2, 8, 8), np.uint8), y_test=np.zeros(2, int))  # fmt: skip
    with pytest.raises(ValueError, match="has 1 class"):
        data.read(tmp_path / "one.npz")


# ---- Numbers ---------------------------------------------------------------------------------------------------------


def test_results_survive_a_crash(tmp_path: Path) -> None:
    results = made_up(tmp_path, {"first": {"nn": [0.5, 0.7]}})
    results.record("first", 2, "nn", Found(0.6))
    with open(results.path, "a") as file:
        file.write('{"row": "first", "se')
    again = Results(results.path)
    assert again.values("first", "nn") == [0.5, 0.6]
    again.record("first", 3, "nn", Found(None, "diverged: step 3"))
    once_more = Results(results.path)
    assert once_more.failures("first", "nn") == {3: "diverged: step 3"}
    assert once_more.seconds("first", 1) == 2
    Path(results.path).write_text('{"row": 1}\n{"row": 2}\n')
    with pytest.raises(ValueError, match="line 1"):
        Results(results.path)


@pytest.mark.parametrize(
    ("better", "worse", "status"),
    [
        ([0.50, 0.51, 0.49], [0.40, 0.41, 0.39], "appears"),
        ([0.40, 0.41, 0.39], [0.50, 0.51, 0.49], "is reversed"),
        ([0.50, 0.60, 0.40], [0.45, 0.55, 0.35], "within the spread"),
        # One seed each: of 10,000 images a share of .5 has a standard error of .005, a difference of two .0071.
        ([0.515], [0.5], "appears"),
        ([0.513], [0.5], "within the spread"),
    ],
)
def test_orderings(tmp_path: Path, better: list[float], worse: list[float], status: str) -> None:
    results = made_up(tmp_path, {"first": {"nn": better}, "second": {"nn": worse}})
    (verdict,) = claims.judge(EXPERIMENT.claims[0], results, 10_000, 1000)
    assert (verdict.status, verdict.measure) == (status, "NN")
    (missing,) = claims.judge(EXPERIMENT.claims[1], results, 10_000, 1000)
    assert (missing.status, missing.detail) == ("not measured", "impossible not run")
    text = claims.paragraph(EXPERIMENT, results, 10_000, 1000)
    assert f"first > second: NN **{status}**" in text
    assert "1 not measured" in text


@pytest.mark.parametrize(("similarity", "status"), [(0.999, "appears"), (0.96, "does not appear")])
def test_collapse(tmp_path: Path, similarity: float, status: str) -> None:
    results = made_up(tmp_path, {"naive": {"similarity": [similarity] * 3}})
    (verdict,) = claims.judge(EXPERIMENTS["table1"].claims[0], results, 100, 100)
    assert verdict.status == status


@pytest.mark.parametrize(("last", "status"), [(0.40, "appears"), (0.49, "does not appear")])
def test_late_drops(tmp_path: Path, last: float, status: str) -> None:
    results = made_up(tmp_path, {"ijepa-long": {"nn_best": [0.5] * 2, "nn_last": [last] * 2}})
    (verdict,) = claims.judge(EXPERIMENTS["ijepa"].claims[0], results, 100, 1000)
    assert verdict.status == status


def test_orderings_on_one_page(tmp_path: Path) -> None:
    results = made_up(tmp_path, {"first": {"nn": [0.9], "linear": [0.5]}, "second": {"nn": [0.6], "linear": [0.5]}})
    results.record("naive", 1, "similarity", Found(1.0))
    collapse = Experiment(name="other", title="", rows=(), claims=EXPERIMENTS["table1"].claims[:1])
    images = labelled(48, 1000)
    lines = report.orderings([EXPERIMENT, EXPERIMENTS["poolings"], collapse], results, images, SCORING).splitlines()
    assert lines[4] == (
        "| table0 | first > second | appears: 90.0 against 60.0 | within the spread: 50.0 against 50.0 | – |"
    )
    assert re.match(r"\| other \| naive .* \| Sim\.: appears \(mean cosine .* 1\.000.*\) \| – \| – \|", lines[-1])
    assert len(lines) == 4 + len(EXPERIMENT.claims) + 1
    assert report.orderings([EXPERIMENTS["poolings"]], results, images, SCORING) == ""


def test_a_table(tmp_path: Path) -> None:
    results = made_up(
        tmp_path, {"first": {"nn": [0.5, 0.52, 0.54], "linear": [0.7] * 3, "similarity": [0.25] * 3, "rank": [12.3]}}
    )
    results.record("impossible", 1, "training", Found(None, "refused: half a pixel"))
    results.record("second", 1, "training", Found(0.4))
    results.record("second", 1, "nn", Found(0.6))
    results.record("second", 2, "training", Found(None, "diverged: step 7"))
    assert report.table(EXPERIMENT, results).splitlines()[2:] == [
        "| First | 52.0 ± 2.0 | 70.0 ± 0.0 | – | 0.25 ± 0.00 | 12.3 | 3 | 63.3 | 77.3 | 89.9 |",
        "| Impossible | refused: half a pixel | refused | refused | refused | refused | 0 | 1.0 | – | – |",
        "| Second \\| or so | 60.0 (1 of 2: diverged: step 7) | diverged: step 7 | diverged: step 7 | diverged: step 7 "
        "| diverged: step 7 | 1 | – | – | – |",
    ]
    page = report.report(EXPERIMENT, results, SCALE, labelled(), SCORING, "latentmim reproduce x")
    assert "- Impossible, seed 1, training: refused: half a pixel" in page
    assert "first > second: NN **within the spread** (52.0 against 60.0)" in page
    assert "Chance: 50.0" in page
    assert "48 training and 24 held-out images" in page
    assert "(3 → 1, 8 → 3)" in page


# ---- Scores without labels -------------------------------------------------------------------------------------------


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    for count, levels in ((4, 3), (12, 5), (30, 1000), (5, 1)):
        first, second = (rng.integers(levels, size=count).astype(float).tolist() for _ in range(2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rho, tau = (float(f(first, second).statistic) for f in (scipy.stats.spearmanr, scipy.stats.kendalltau))
        assert unlabelled.spearman(first, second) == pytest.approx(rho, nan_ok=True)
        assert unlabelled.kendall(first, second) == pytest.approx(tau, nan_ok=True)


def test_a_collapsed_run_comes_last_where_its_rank_is_judged_with_similarity(tmp_path: Path) -> None:
    """Ranks in the order of NN but for the collapsed run, whose rank is the highest."""
    nn, ranks, similarity = [0.3, 0.5, 0.6, 0.7], [334.0, 10.0, 20.0, 30.0], [0.999, 0.5, 0.5, 0.4]
    rows = tuple(Row(key=f"row{number}", name="") for number in range(4))
    numbers = {
        row.key: {"nn": [nn[i]], "linear": [1 - nn[i]], "rankme": [ranks[i]], "features_rank": [ranks[i]],
                  "lidar": [ranks[i]], "alpha": [1 + nn[i]], "features_similarity": [similarity[i]]}
        for i, row in enumerate(rows)
    }  # fmt: skip
    told = report.setting(SCALE, labelled())
    text = unlabelled.page([Experiment(name="table0", title="", rows=rows)], made_up(tmp_path, numbers), told)
    sizes = text.splitlines()[2]
    assert sizes.startswith(f"{told} Each run is of one seed. What stands here is of runs of this size and length")
    assert "epochs of 48 images" in sizes
    alone, together = (line.split(" | ") for line in text.splitlines()[10:12])
    assert alone[:4] == ["| table0", "4", "alone", "-0.20 / 0.00"]
    assert together[2:5] == ["judged with similarity", "1.00 / 1.00", "1.00 / 1.00"]
    assert alone[6] == "-1.00 / -1.00", "an α further from 1 is worse"
    assert "| row0 | 30.0 | 70.0 | 334.0 | 334.0 | 334.0 | 1.30 | 0.999 |" in text
    fewer = unlabelled.page([Experiment(name="table0", title="", rows=rows[:3])], made_up(tmp_path, numbers), told)
    assert not fewer


# ---- A study ---------------------------------------------------------------------------------------------------------


def begin(out: Path, images: LabelledSet, monkeypatch: pytest.MonkeyPatch) -> study.Study:
    """A study at the tiny scale."""
    found = planning.Plan(SCALE, 3, {})
    monkeypatch.setattr(study, "plan", lambda rows, data, request, scoring: found)
    return study.Study(str(out), images, SCORING, source=["--data", "noise"], progress=False)


def test_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = labelled()
    paths = begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), seeds=[1, 2])
    assert [Path(path).name for path in paths] == ["table0.md", "orderings.md", "table0-curves.png"]
    assert all(Path(path).stat().st_size > 1000 for path in (paths[0], paths[2]))
    page = Path(paths[0]).read_text()
    rows = {line.split(" | ")[0]: line.split(" | ") for line in page.splitlines() if line.startswith("| ")}
    assert re.fullmatch(r"\d+\.\d ± \d+\.\d", rows["| First"][1])
    assert rows["| First"][6] == "2"
    assert rows["| Impossible"][1].startswith("refused: patch_gap: 2")
    command = re.search(r"`(latentmim reproduce .*)`", page)
    assert command
    words = shlex.split(command[1])
    assert words[words.index("--epochs") + 1] == "2"
    assert words[-3:] == ["--seeds", "1", "2"]
    run = running.run_folder(str(tmp_path), "first", 2)
    lines = [json.loads(line) for line in Path(run.metrics).read_text().splitlines()]
    assert [line["step"] for line in lines if "nn_accuracy" in line] == [3, 6]
    assert not Path(run.checkpoints).exists()
    results = Results(tmp_path / "results.jsonl")
    (first, _) = results.values("first", "nn")
    encoder = lm.load_encoder(running.run_folder(str(tmp_path), "first", 1).encoder)
    assert first == lm.evaluate.nearest_neighbor(encoder, images.test, progress=False).accuracy
    found = lm.evaluate.without_labels(encoder, images.test, layer=-1, progress=False)
    for measure, value in unlabelled.scores(found).items():
        assert results.values("first", measure)[0] == value
    # All is there: nothing is trained again, but what was refused is tried.
    trained: list[str] = []
    monkeypatch.setattr(Runner, "_train", lambda self, row, seed: trained.append(f"{row.key} {seed}"))
    begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), seeds=[1, 2])
    assert trained == ["impossible 1", "impossible 2"]
    with pytest.raises(ValueError, match="study has epochs 2, asked is 5"):
        begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(epochs=5), asked=["epochs"])
    with pytest.raises(ValueError, match="this study has data"):
        begin(tmp_path, labelled(32), monkeypatch).write([EXPERIMENT])
    with pytest.raises(ValueError, match="unknown third"):
        begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), keys=["third"])


TAUGHT = Experiment(
    name="table0", title="Table 0",
    rows=(
        Row(key="first", name="First", model={"mask_ratio": 0.75, "projector": "online"}),
        Row(key="taught", name="Taught", teacher="target", model={"mask_ratio": 0.75, "projector": "online"}),
        Row(key="adapted", name="Adapted", teacher="start", longer=1 / 16,
            model={"mask_ratio": 0.75, "patch_gap": 0, "lora_rank": 2}),
        Row(key="teacher", name="Teacher", teacher="start", longer=0, model={"mask_ratio": 0.75, "patch_gap": 0}),
    ),
)  # fmt: skip


def teacher(seed: int) -> lm.Encoder:
    """Of other sizes than the study's encoder."""
    sizes: Any = {"width": 24, "depth": 2, "heads": 2, "grid": 4, "patch_size": 3, "channels": 1}
    return lm.LatentMIM(**sizes, decoder_width=32, decoder_heads=4, projector_width=48, seed=seed).encoder


def test_rows_with_a_teacher_are_left_out_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = labelled()
    begin(tmp_path, images, monkeypatch)  # the scale
    this = study.Study(str(tmp_path), images, SCORING)
    this.run([TAUGHT], Request(), seeds=[1])
    reason = "wants a teacher, the weights of a published encoder: --teacher FILE"
    assert f"left out: taught refused: {reason}" in capsys.readouterr().err
    page = (tmp_path / "table0.md").read_text()
    for row in TAUGHT.rows[1:]:
        assert f"- {row.name}, seed 1, training: refused: {reason}" in page
    assert this.results.values("first", "nn") and not this.results.values("taught", "nn")
    # A teacher joins later, and stays.
    this.run([TAUGHT], Request(teacher=teacher(1)), seeds=[1])
    assert "Not to be had" not in (tmp_path / "table0.md").read_text()
    with pytest.raises(ValueError, match=r"this study has a teacher with weights \w{8}, these are \w{8}; choose"):
        this.run([TAUGHT], Request(teacher=teacher(2)), seeds=[1])


def test_what_a_teacher_is_to_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, given = labelled(), teacher(7)
    this = begin(tmp_path, images, monkeypatch)
    this.run([TAUGHT], Request(teacher=given), seeds=[1])
    taught, adapted, itself = (
        lm.load_encoder(running.run_folder(str(tmp_path), row.key, 1).encoder) for row in TAUGHT.rows[1:]
    )
    assert (taught.config.width, adapted.config.width, adapted.config.patch_size) == (48, 24, 3)
    assert taught.config.teacher_width == 24
    size = given.config.image_size
    features = [encoder.features(images.test, resize=size) for encoder in (given, itself, adapted)]
    assert np.array_equal(features[0], features[1])
    assert not np.array_equal(features[0], features[2])
    # Of 2 epochs a sixteenth is one: 3 steps of 16 images.
    log = read_metrics(running.run_folder(str(tmp_path), "adapted", 1).metrics)
    assert log[-1]["step"] == 3
    for measure in ("training", "similarity", "rank", "nn", "linear"):
        assert len(this.results.values("teacher", measure)) == 1, measure


def test_one_page_of_orderings_keeps_what_the_folder_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was asked for last; of experiments that were not asked for, those whose rows were all tried."""
    first, second = EXPERIMENTS["table1"], EXPERIMENTS["table2"]
    this = begin(tmp_path, labelled(), monkeypatch)
    for row in first.rows:
        this.results.record(row.key, 1, "training", Found(0.5))
    this.write([second], SCALE)
    named = [line.split(" | ")[0] for line in (tmp_path / "orderings.md").read_text().splitlines()[4:]]
    assert named == ["| table1"] * len(first.claims) + ["| table2"] * len(second.claims)
    this.write([first], SCALE)
    assert "| table2 |" not in (tmp_path / "orderings.md").read_text()


def test_time_decides_how_many_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed takes 1 s by the log and by the clock, which is read once at the start and once before each further one:
    the second would end after 2 s, the third after 3.
    """
    for hours, seeds in ((3.5 / 3600, [1, 2, 3]), (2.5 / 3600, [1, 2]), (1.5 / 3600, [1])):
        out = tmp_path / f"{hours:.5f}"
        this = begin(out, labelled(), monkeypatch)
        seconds = iter(range(10))
        monkeypatch.setattr(study, "time", SimpleNamespace(monotonic=lambda seconds=seconds: next(seconds)))

        def complete(self: Runner, row: Row, seed: int) -> None:
            self.results.record(row.key, seed, "training", Found(None, "diverged: at once", seconds=1 / 3))

        monkeypatch.setattr(Runner, "complete", complete)
        this.run([EXPERIMENT], Request(hours=hours))
        assert this.results.seeds("first", "training") == seeds


@pytest.mark.parametrize("steps", [4, 6])
def test_interrupted_and_resumed(steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a run of six steps, and in its last."""
    images = labelled()
    whole = begin(tmp_path / "whole", images, monkeypatch)
    whole.run([EXPERIMENT], Request(), seeds=[1], keys=["first"])
    broken = begin(tmp_path / "broken", images, monkeypatch)
    step = lm.Trainer.step

    def interrupted(trainer: lm.Trainer) -> Any:
        metrics = step(trainer)
        if trainer.state.step == steps:
            import signal

            signal.raise_signal(signal.SIGINT)
        return metrics

    with monkeypatch.context() as patch:
        patch.setattr(lm.Trainer, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            broken.run([EXPERIMENT], Request(), seeds=[1], keys=["first"])
    run = running.run_folder(str(tmp_path / "broken"), "first", 1)
    assert Path(run.last).exists()
    assert not Results(broken.results.path).seeds("first", "training")
    resumed = begin(tmp_path / "broken", images, monkeypatch)
    done: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(lm.Trainer, "step", lambda trainer: done.append(trainer.state.step) or step(trainer))
        resumed.run([EXPERIMENT], Request(), seeds=[1], keys=["first"])
    assert done[:1] == ([] if steps == 6 else [steps]), "began again"
    for measure in ("training", "nn", "linear", "similarity", "rank"):
        assert resumed.results.values("first", measure) == whole.results.values("first", measure), measure


def test_fine_tuning_joins_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained without it is not trained again; it learns from the labelled images asked for."""
    images, settled = labelled(), replace(SCORING, fine_tune_images=10, fine_tune_epochs=3)
    monkeypatch.setattr(f"{__name__}.SCORING", settled)
    begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), seeds=[2])
    calls: list[Any] = []

    def fine_tune(encoder: lm.Encoder, train: lm.Arrays, test: lm.Arrays, **options: Any) -> Any:
        calls.append((len(train), len(test), options["preset"], options["epochs"], options["seed"]))
        if len(calls) == 1:
            raise FloatingPointError("the loss is nan")
        return SimpleNamespace(accuracy=0.875)

    monkeypatch.setattr(lm.evaluate, "fine_tune", fine_tune, raising=False)
    monkeypatch.setattr(f"{__name__}.SCORING", replace(settled, fine_tune=True))
    for _ in range(2):
        begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), seeds=[2])
    assert calls == [(10, 24, "small", 3, 2)] * 2, "one for each row: a divergence is final"
    page = (tmp_path / "table0.md").read_text()
    assert "diverged: the loss is nan | " in page
    assert "| 87.5 | " in page
    results = (tmp_path / "results.jsonl").read_text()
    assert results.count('"measure": "linear"') == 2
    monkeypatch.setattr(f"{__name__}.SCORING", replace(settled, fine_tune_images=20))
    with pytest.raises(ValueError, match="this study has scoring"):
        begin(tmp_path, images, monkeypatch).run([EXPERIMENT], Request(), seeds=[2])


def test_divergence_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    this = begin(tmp_path, labelled(), monkeypatch)

    def diverging(trainer: lm.Trainer) -> Any:
        raise FloatingPointError("the loss is nan")

    monkeypatch.setattr(lm.Trainer, "step", diverging)
    this.run([EXPERIMENT], Request(), seeds=[1], keys=["first"])
    page = (tmp_path / "table0.md").read_text()
    assert "| First | diverged: step 1: the loss is nan; " in page
    assert "first > second: scores **not measured** (first diverged, second not run)" in page


def test_poolings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    this = begin(tmp_path, labelled(), monkeypatch)
    found = this.run([EXPERIMENTS["poolings"]], Request(), seeds=[1])
    lines = [line for line in Path(found[0]).read_text().splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(running.POOLINGS)
    assert all(re.search(r"\| \d+\.\d \| \d+\.\d \|$", line) for line in lines[2:])
    encoder = lm.load_encoder(running.run_folder(str(tmp_path), "latent-mim", 1).encoder)
    images = labelled().test
    wanted = lm.evaluate.nearest_neighbor(encoder, images, pooling="topk_mean", pooling_k=4, progress=False).accuracy
    # 50 of 196 patches are 4 of 16.
    assert this.results.values("latent-mim", "nn of topk_mean50") == [wanted]


def test_pictures(tmp_path: Path) -> None:
    results = made_up(tmp_path, {"naive": {"nn": [0.1, 0.2]}})
    assert figures.progression(results) is None
    results = made_up(tmp_path, {"momentum": {"nn": [0.3, 0.35]}, "mae": {"nn": [0.4]}})
    picture = figures.progression(results)
    assert picture is not None
    (axes,) = picture.axes
    ours = axes.containers[0].lines[0].get_ydata()
    assert ours.tolist() == pytest.approx([15, 32.5])
    theirs = next(line for line in axes.lines if line.get_label() == "the paper")
    assert theirs.get_ydata().tolist() == [0.9, 18.8, 30.0, 56.8, 63.3]
    assert figures.curves(EXPERIMENTS["table1"], str(tmp_path), results) is None


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    images = labelled()
    np.savez(tmp_path / "set.npz", train_images=images.train.images, train_labels=images.train.labels,
             test_images=images.test.images, test_labels=images.test.labels)  # fmt: skip
    arguments = ["reproduce", "table11", "--data", str(tmp_path / "set.npz"), "--out", str(tmp_path / "out")]
    fixed = ["--epochs", "1", "--batch-size", "16", "--rows", "best-gap-0", "best-gap-2", "--seeds", "1"]
    assert cli.main([*arguments, *fixed, "--no-fine-tune"]) == 0
    assert str(tmp_path / "out" / "table11.md") in capsys.readouterr().out
    page = (tmp_path / "out" / "table11.md").read_text()
    assert re.search(r"^\| \(a\) gap 0 \| \d+\.\d \| \d+\.\d \| – ", page, re.M)
    assert "refused: patch_gap: 2" in page
    assert cli.main([*arguments, "--redraw", "--no-fine-tune"]) == 0
    assert cli.main([*arguments, "--epochs", "2"]) == 1
    assert "epochs 1, asked is 2" in capsys.readouterr().err
    assert cli.main([*arguments, "--epochs", "0"]) == 1
    # Of data that is where the example puts it no path is named.
    assert f"table11 --data {tmp_path / 'set.npz'} --no-fine-tune --size" in page
    assert command._source(cli._parser().parse_args(["reproduce", "table1", "--images", "9"])) == ["--images", "9"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.main(["reproduce", "table1", "--out", str(tmp_path / "none")]) == 1
    assert "--data PATH is wanted" in capsys.readouterr().err
