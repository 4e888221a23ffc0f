"""Runs that end by the clock: times are read, models chosen by a forecast, schedules end when the time does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, Clock, pixels

import latentmim as lm
from latentmim import cli, forecasts, pretraining
from latentmim.budgets import Budget, read_budget
from latentmim.forecasts import Candidate, choose
from latentmim.runs import read_metrics

RUN: dict[str, Any] = {**SMALL, "batch_size": 8, "progress": False}


# ---- Times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90 min", 5400), ("1h30m", 5400), (" 1 Hour 30 minutes 5s ", 5405), ("0.5 days", 43200), (12, 12),
     ("45 seconds", 45), ("10 secs", 10), (0.25, 0.25), ("1d", 86400), ("2 hours", 7200)],
)  # fmt: skip
def test_times_are_read(text: Any, seconds: float) -> None:
    assert read_budget(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "2", "h", "2 parsecs", "-1h", "1h -2m", "0", "0s", "1e3s", "2h!", "2 h and more", "nan h", "½h", 0, -1,
     float("nan"), float("inf"), True, None, [2], "1h" + "x" * 9],
)  # fmt: skip
def test_no_times_are_refused(text: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"budget: is .*, wanted a time above 0: '90s', '20 min'"):
        read_budget(text)
    if text is not None:
        with pytest.raises(ValueError, match="budget: is "):
            lm.pretrain(pixels(16), tmp_path / "run", budget=text, **RUN)
        assert not (tmp_path / "run").exists()


def test_a_budget_stands_in_place_of_epochs(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with pytest.raises(ValueError, match="budget: is '1h' beside epochs = 3; wanted one of them"):
        lm.pretrain(pixels(16), tmp_path, budget="1h", epochs=3, **RUN)
    assert cli.main(["pretrain", str(folder), "--out", str(tmp_path / "run"), "--budget", "2 parsecs"]) != 0
    assert "--budget: is '2 parsecs', wanted a time" in capsys.readouterr().err


# ---- The end ---------------------------------------------------------------------------------------------------------


def seconds_of(run: Path) -> float:
    with open(run / "checkpoints/last.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return float(json.loads(header["__metadata__"]["state"])["span"]["seconds"])


@pytest.mark.parametrize("name", ["steady", "slower", "faster", "uneven", "stalls late"])
def test_a_run_ends_with_its_time(name: str, clock: Clock, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    cost: dict[str, Callable[[int], float]] = {
        "steady": lambda step: 0.5,
        "slower": lambda step: 0.3 if step < 40 else 0.9,
        "faster": lambda step: 0.9 if step < 40 else 0.3,
        "uneven": lambda step: float(noise.exponential(0.5)),
        "stalls late": lambda step: 6.0 if step == 170 else 0.5,
    }
    clock.cost = lambda trainer: cost[name](trainer.state.step)
    began = clock.time
    lm.pretrain(pixels(16), tmp_path, budget=100, **RUN)
    assert clock.time - began == pytest.approx(100, rel=0.05)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    rates = np.array([line["learning_rate"] for line in lines])
    top = int(rates.argmax())
    # Up, and down to the final rate, whatever happened on the way: no jumps, no plateau.
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 1e-9).all()
    final = rates.max() * lm.config.TrainingConfig.resolve(epochs=10, batch_size=8).final_learning_rate
    assert rates[-1] == pytest.approx(final, rel=0.05)
    assert np.abs(np.diff(rates)).max() < 0.2 * rates.max()
    assert seconds_of(tmp_path) == pytest.approx(100, rel=0.05)
    assert (tmp_path / "encoder.safetensors").exists()


def test_scores_and_checkpoints_count(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from latentmim.fitting import Fitting

    score = Fitting._score

    def slow(self: Fitting, metrics: dict[str, Any]) -> bool:
        with self._measured("score"):
            clock.time += 13
        return score(self, metrics)

    monkeypatch.setattr(Fitting, "_score", slow)
    began, labels = clock.time, np.arange(16) % 2
    validation = lm.data.Arrays(pixels(16), labels)
    lm.pretrain(pixels(16), tmp_path, budget=200, validation=validation, validate_every=30, **RUN)
    assert clock.time - began == pytest.approx(200, rel=0.05)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert "nn_accuracy" in lines[-1]
    assert 2 <= sum("nn_accuracy" in line for line in lines) <= 4


def test_a_step_longer_than_the_budget_is_the_only_one(clock: Clock, tmp_path: Path) -> None:
    clock.cost = lambda _: 50.0
    lm.pretrain(pixels(16), tmp_path, budget=3, **RUN)
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1]


def test_epochs_may_be_less_than_one(clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lm.pretrain(pixels(400), tmp_path, budget=23, **RUN)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert 15 <= len(lines) <= 20
    assert {line["epoch"] for line in lines} == {0}
    assert json.loads((tmp_path / "config.json").read_text())["training"]["epochs"] == 1
    assert "→ as given: 48 wide, 2 deep, crops of 40×50 pixels, 8 images/s, 0.4 epochs, 160 crops" in (
        capsys.readouterr().err
    )


def test_the_command_takes_one(clock: Clock, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [f"--set={name}={json.dumps(value)}" for name, value in SMALL.items()]
    command = ["pretrain", str(folder), "--out", str(tmp_path / "run"), "--batch-size", "2", *settings]
    began = clock.time
    assert cli.main([*command, "--budget", "20s"]) == 0
    assert clock.time - began == pytest.approx(20, rel=0.05)
    assert f"{tmp_path / 'run'}\n" == capsys.readouterr().out
    assert cli.main([*command, "--budget", "30s"]) == 0
    assert clock.time - began == pytest.approx(30, rel=0.05)


# ---- Going on --------------------------------------------------------------------------------------------------------


def test_paused_and_resumed(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(out: Path, at: int, **options: Any) -> None:
        cost = clock.cost

        def until(trainer: lm.Trainer) -> float:
            if trainer.state.step == at and trainer.history:
                raise KeyboardInterrupt
            return cost(trainer)

        clock.cost = until
        with pytest.raises(KeyboardInterrupt):
            lm.pretrain(pixels(16), out, save_every=1, **{"budget": 60, **RUN, **options})
        clock.cost = cost

    clock.cost = lambda _: 0.55
    stopped(tmp_path, 21)
    before = read_metrics(tmp_path / "metrics.jsonl")
    spent = seconds_of(tmp_path)
    assert len(before) == 21
    assert spent == pytest.approx(0.55 * (5 + 20))  # measured, and up to the last checkpoint
    # The pause does not count, and nothing is measured again.
    clock.time += 5000
    monkeypatch.setattr(pretraining, "choose", lambda *_: pytest.fail("measured again"))
    began = clock.time
    lm.pretrain(pixels(16), tmp_path, **{"budget": 60, **RUN})
    assert clock.time - began + spent == pytest.approx(60, rel=0.05)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[:20] == before[:20]
    rates = np.array([line["learning_rate"] for line in lines])
    assert np.abs(np.diff(rates)).max() < 0.25 * rates.max()
    # Finished: nothing is left to do; a larger budget makes it longer.
    began, count = clock.time, len(lines)
    lm.pretrain(pixels(16), tmp_path, **{"budget": "60s", **RUN})
    assert clock.time == began
    lm.pretrain(pixels(16), tmp_path, **{"budget": "100s", **RUN})
    assert clock.time - began == pytest.approx(40, abs=4)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert len(lines) > count + 30
    # Where it stands in the schedules of a run of a hundred seconds.
    assert lines[count]["learning_rate"] > 1.2 * lines[count - 1]["learning_rate"]
    assert lines[-1]["learning_rate"] == pytest.approx(lines[count - 1]["learning_rate"], rel=0.05)
    assert json.loads((tmp_path / "config.json").read_text())["budget"]["seconds"] == 100
    with pytest.raises(ValueError, match=r"budget: is 50 s, and the run has taken \d+ s; wanted more"):
        lm.pretrain(pixels(16), tmp_path, **{"budget": 50, **RUN})


def test_resumed_steps_are_those_of_a_run_that_goes_on(clock: Clock, tmp_path: Path) -> None:
    """A checkpoint holds the schedules that the run itself goes on with."""
    whole, copy = tmp_path / "whole", tmp_path / "copy"

    def cost(trainer: lm.Trainer) -> float:
        if trainer.state.step == 9 and (whole / "checkpoints/last.safetensors").exists() and not copy.exists():
            shutil.copytree(whole, copy, ignore=shutil.ignore_patterns(".lock"))
        return 1.0

    def to_step_14(trainer: lm.Trainer) -> float:
        if trainer.state.step == 14:
            raise KeyboardInterrupt
        return cost(trainer)

    clock.cost = to_step_14
    with pytest.raises(KeyboardInterrupt):
        lm.pretrain(pixels(16), whole, budget=300, save_every=1, **RUN)
    resumed = read_metrics(copy / "metrics.jsonl")[-1]["step"]
    assert resumed == 9
    with pytest.raises(KeyboardInterrupt):
        lm.pretrain(pixels(16), copy, budget=300, **RUN)
    first, second = (read_metrics(run / "metrics.jsonl") for run in (whole, copy))
    # Until the schedules are laid anew, a fiftieth of the time later, they are the same bits.
    for line, again in zip(first[8:11], second[8:11], strict=True):
        assert {**line, "images_per_second": 0} == {**again, "images_per_second": 0}


def test_runs_with_and_without_a_budget_are_told_apart(clock: Clock, tmp_path: Path) -> None:
    lm.pretrain(pixels(16), tmp_path / "epochs", epochs=1, **RUN)
    with pytest.raises(
        ValueError, match=r"budget: the run in .*epochs was begun without a budget; wanted another `out`"
    ):
        lm.pretrain(pixels(16), tmp_path / "epochs", budget=20, **RUN)
    lm.pretrain(pixels(16), tmp_path / "epochs", budget=20, resume=False, **RUN)
    config = json.loads((tmp_path / "epochs/config.json").read_text())
    assert config["budget"]["model"] == "as given"
    # A trainer of the same options goes on to where the budget ended.
    options = {name: RUN[name] for name in ("batch_size", "progress")}
    training = pretraining.recipe(lm.data.Arrays(pixels(16)))[1] | options | {"epochs": config["training"]["epochs"]}
    trainer = lm.Trainer(lm.LatentMIM(**SMALL, seed=0), pixels(16), out=tmp_path / "epochs", seed=0, **training)
    trainer.fit()
    assert trainer.state.step == len(read_metrics(tmp_path / "epochs/metrics.jsonl")) < 60
    assert json.loads((tmp_path / "epochs/config.json").read_text())["budget"] == config["budget"]


@pytest.mark.parametrize("kept", [[], {}, {"seconds": 9, "epochs": 1.5, "passes": 2}, {"seconds": "9"}, 3])
def test_a_damaged_plan_is_refused(kept: Any, clock: Clock, tmp_path: Path) -> None:
    lm.pretrain(pixels(16), tmp_path, budget=8, **RUN)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"budget": kept}))
    with pytest.raises(ValueError, match=r"config\.json: 'budget' is damaged"):
        lm.pretrain(pixels(16), tmp_path, budget=20, **RUN)


# ---- The choice ------------------------------------------------------------------------------------------------------


def test_the_largest_that_sees_enough_is_chosen(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    made: list[int] = []

    def candidate(width: int, enough: int) -> Candidate:
        def make() -> lm.LatentMIM:
            made.append(width)
            return lm.LatentMIM(**SMALL | {"width": width})

        return Candidate(f"of {width}", make, {"batch_size": 8, "epochs": 3}, enough)

    clock.cost = lambda trainer: trainer.model.config.width / 96  # 24: 32 images/s, 48: 16, 96: 8
    candidates = [candidate(24, 0), candidate(48, 1000), candidate(96, 1500)]
    for seconds, names in ((10, [24]), (70, [24, 48]), (250, [24, 48, 96])):
        made.clear()
        budget = Budget(seconds)
        chosen, found = choose(candidates, lm.data.Arrays(pixels(16)), budget)
        assert made == names
        assert chosen.images_per_second == pytest.approx(8 / (made[-1] / 96))
        assert chosen.crops <= seconds * chosen.images_per_second
        forecasts.tell(chosen, found, budget)
        said = capsys.readouterr().err
        assert said.count("images/s") == len(names)
        assert f"→ of {names[-1]}:" in said
        assert "ends at about" in said
    # Fast enough to be measured, too slow to be chosen.
    chosen, found = choose([*candidates[:2], candidate(192, 2500)], lm.data.Arrays(pixels(16)), Budget(170))
    assert [forecast.candidate.name for forecast in found] == ["of 24", "of 48", "of 192"]
    assert chosen.candidate.name == "of 48"


@pytest.mark.parametrize(("seconds", "name", "width"), [(12, "tiny", 96), (17, "small", 192)])
def test_what_is_printed_is_what_is_trained(
    seconds: float, name: str, width: int, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of few images the tiny model where there is hardly time, else the small one; all of a recipe comes with it."""
    costs = {96: 0.02, 192: 0.05}
    clock.cost = lambda trainer: costs[trainer.model.config.width] if trainer._run is None else 4.0
    lm.pretrain(pixels(16), tmp_path, budget=seconds, progress=False, precision="float32")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"]["width"] == width
    assert config["budget"]["model"] == name
    assert config["training"]["precision"] == "float32"
    said = capsys.readouterr().err
    assert f"→ {name}: {width} wide" in said
    assert ("  tiny: 96 wide" in said) == (name == "small")
