"""`save_best`: which state is kept, that a stopped run remembers it, that no collapsed state is best by rank."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, Clock, pixels
from test_diagnostics import NAIVE

import latentmim as lm
from latentmim import cli
from latentmim.fitting import Best, best

COUNT = 32


def labelled(seed: int = 1) -> lm.Arrays:
    return lm.Arrays(pixels(COUNT, seed=seed), np.arange(COUNT) % 4)


def trainer(out: Path | None, save_best: Any, seed: int = 1, **options: Any) -> lm.Trainer:
    training: dict[str, Any] = {
        "epochs": 4, "batch_size": 16, "validate_every": 0.5, "save_every": 10, "progress": False, "out": out
    }  # fmt: skip
    model = lm.LatentMIM(**SMALL, seed=seed)
    return lm.Trainer(model, pixels(COUNT), save_best=save_best, **(training | options))


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def step_of(checkpoint: Path) -> int:
    with open(checkpoint, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return int(json.loads(header["__metadata__"]["state"])["step"])


@pytest.mark.parametrize("score", ["nn", "rankme", "lidar", "alpha"])
def test_the_best_state_is_kept(score: Any, tmp_path: Path) -> None:
    """The step whose score is the best in the log, and the encoder that has just this score."""
    data = labelled()
    run = trainer(tmp_path, score, validation=data)
    run.fit()
    name = best.NAMES[score]
    values = [math.nan if line[name] is None else line[name] for line in lines(tmp_path)]
    assert len(values) == 8
    worth = np.array([-abs(value - 1) if score == "alpha" else value for value in values])
    wanted = int(np.nanargmax(worth))
    assert [line[f"best_{name}"] for line in lines(tmp_path)][-1] == values[wanted]
    assert step_of(tmp_path / "checkpoints" / "best.safetensors") == wanted + 1
    encoder = lm.load_encoder(tmp_path / "checkpoints" / "best.safetensors")
    if score == "nn":
        found = float(lm.evaluate.nearest_neighbor(encoder, data, progress=False))
    else:
        found = getattr(lm.evaluate.without_labels(encoder, data, progress=False), score)
        assert all(0 < line["features_similarity"] < 1 for line in lines(tmp_path))
    assert found == pytest.approx(values[wanted], rel=1e-6)
    assert step_of(tmp_path / "checkpoints" / "last.safetensors") == 8
    assert not list((tmp_path / "checkpoints").glob("*.part"))


def test_training_images_stand_in_for_validation(tmp_path: Path) -> None:
    run = trainer(tmp_path / "one", "rankme", epochs=1)
    run.fit()
    found = lm.evaluate.without_labels(run.model.encoder, run.dataset, views=0, progress=False)
    assert lines(tmp_path / "one")[-1]["rankme"] == pytest.approx(found.rankme)
    assert "nn_accuracy" not in lines(tmp_path / "one")[-1]
    # Images without labels do for a rank.
    other = trainer(tmp_path / "two", "rankme", epochs=1, validation=lm.Arrays(pixels(COUNT, seed=5)))
    other.fit()
    assert lines(tmp_path / "two")[-1]["rankme"] != lines(tmp_path / "one")[-1]["rankme"]


@pytest.mark.parametrize("score", ["nn", "rankme"])
def test_a_stopped_run_remembers_its_best(score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer(whole, score, validation=labelled()).fit()
    first = trainer(parts, score, validation=labelled())

    def stop(after: int) -> None:
        step = first.step

        def limited() -> Any:
            if first.state.step == after:
                raise RuntimeError("stopped")
            return step()

        monkeypatch.setattr(first, "step", limited)

    stop(5)
    with pytest.raises(RuntimeError, match="stopped"):
        first.fit()
    again = trainer(parts, score, validation=labelled())
    again.fit()
    without_speed = [
        [{name: value for name, value in line.items() if name != "images_per_second"} for line in lines(out)]
        for out in (whole, parts)
    ]
    assert without_speed[0] == without_speed[1]
    assert step_of(whole / "checkpoints" / "best.safetensors") == step_of(parts / "checkpoints" / "best.safetensors")


def test_what_was_saved_and_not_yet_kept_is_kept_on_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends behind the checkpoint of the best step, before that becomes the best."""
    first = trainer(tmp_path, "rankme")
    assert first._run is not None
    monkeypatch.setattr(first._run, "keep_best", lambda: (_ for _ in ()).throw(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        first.fit()
    last = tmp_path / "checkpoints" / "last.safetensors"
    assert not (tmp_path / "checkpoints" / "best.safetensors").exists()
    stopped = step_of(last)
    again = trainer(tmp_path, "rankme")
    again._fitting.begin("auto")
    assert again.state.step == stopped
    assert step_of(tmp_path / "checkpoints" / "best.safetensors") == stopped


def scored(monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """Let the next scores be these."""
    left = iter(values)
    monkeypatch.setattr(Best, "measure", lambda *_: {"rankme": next(left), best.SIMILARITY: 0.5})


def test_going_on_from_before_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best of the log is of step 2, and what was kept of step 8: neither is a state of the run any more."""
    scored(monkeypatch, 1, 3, 2, 2, 2, 2, 2, 9)
    trainer(tmp_path, "rankme", keep_every=1).fit()
    checkpoints = tmp_path / "checkpoints"
    assert step_of(checkpoints / "best.safetensors") == 8
    scored(monkeypatch, 1.5, 2.5, 2, 2)
    trainer(tmp_path, "rankme").fit(resume=checkpoints / "epoch-0002.safetensors")
    assert [line.get("best_rankme") for line in lines(tmp_path)] == [1, 3, 3, 3, 1.5, 2.5, 2.5, 2.5]
    assert step_of(checkpoints / "best.safetensors") == 6
    aside = checkpoints / "best-of-step-8.safetensors"
    assert step_of(aside) == 8
    assert f"the best state so far is of step 8, after 4: it is now {aside}" in capsys.readouterr().err


def test_going_on_from_behind_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(monkeypatch, 1, 3, 2, 2, 2, 2, 2, 2)
    trainer(tmp_path, "rankme", keep_every=1).fit()
    scored(monkeypatch, 1.5, 2.5, 2, 2)
    checkpoints = tmp_path / "checkpoints"
    trainer(tmp_path, "rankme").fit(resume=checkpoints / "epoch-0002.safetensors")
    assert {line["best_rankme"] for line in lines(tmp_path)[1:]} == {3}
    assert step_of(checkpoints / "best.safetensors") == 2
    # From the best itself, which is then the best by what it scored.
    scored(monkeypatch, 1, 1, 1, 1, 1, 4)
    trainer(tmp_path, "rankme").fit(resume=checkpoints / "best.safetensors")
    assert step_of(checkpoints / "best.safetensors") == 8
    assert [line["best_rankme"] for line in lines(tmp_path)[1:]] == [3, 3, 3, 3, 3, 3, 4]


def test_a_best_that_somebody_removed_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(monkeypatch, 1, 3, 2, 2)
    trainer(tmp_path, "rankme", epochs=2).fit()
    (tmp_path / "checkpoints" / "best.safetensors").unlink()
    scored(monkeypatch, 1.5, 1)
    trainer(tmp_path, "rankme", epochs=3).fit()
    assert [line["best_rankme"] for line in lines(tmp_path)] == [1, 3, 3, 3, 1.5, 1.5]
    assert step_of(tmp_path / "checkpoints" / "best.safetensors") == 5


def test_with_a_budget(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores, and the checkpoints of what was best, take their time; a paused run goes on with its best."""
    options: dict[str, Any] = {**SMALL, "batch_size": 8, "progress": False, "save_best": "rankme", "validate_every": 5}
    values = iter([1.0, 2.0, 5.0, *[3.0] * 30])

    def measure(*_: Any) -> dict[str, float]:
        clock.time += 2
        return {"rankme": next(values), best.SIMILARITY: 0.5}

    def stop(run: lm.Trainer) -> float:
        if run.state.step == 45 and run.history:
            raise KeyboardInterrupt
        return 1.0

    monkeypatch.setattr(Best, "measure", measure)
    clock.cost = stop
    began = clock.time
    with pytest.raises(KeyboardInterrupt):
        lm.pretrain(pixels(16), tmp_path, budget=100, **options)
    path = tmp_path / "checkpoints" / "best.safetensors"
    assert step_of(path) == 30
    clock.cost = lambda _: 1.0
    clock.time += 1000
    lm.pretrain(pixels(16), tmp_path, budget=100, **options)
    assert clock.time - began - 1000 == pytest.approx(100 + 17, rel=0.05)  # 15 steps and a score were undone
    assert step_of(path) == 30
    found = lines(tmp_path)
    assert [line["step"] for line in found] == list(range(1, len(found) + 1))
    assert {line["best_rankme"] for line in found if "rankme" in line} == {1, 2, 5}
    assert "rankme" in found[-1] and found[-1]["best_rankme"] == 5
    assert lm.load_encoder(path).config.width == SMALL["width"]
    # The best itself is gone on from, and is then the last.
    again = step_of(path)
    lm.pretrain(pixels(16), tmp_path, budget=120, resume=path, **options)
    assert step_of(path) == again


def test_no_collapsed_state_is_the_best_by_rank(tmp_path: Path) -> None:
    """A naive run whose images come to look alike: what is kept is a state from before."""
    model = lm.LatentMIM(**(SMALL | NAIVE), seed=1)
    run = lm.Trainer(
        model, pixels(COUNT), epochs=40, batch_size=16, base_learning_rate=0.05, validate_every=0.5, save_every=100,
        out=tmp_path, save_best="rankme", progress=False,
    )  # fmt: skip
    run.fit()
    similarities = [line["features_similarity"] for line in lines(tmp_path)]
    assert max(similarities) > 0.98
    path = tmp_path / "checkpoints" / "best.safetensors"
    assert path.exists() == (min(similarities) <= 0.98)
    if path.exists():
        found = lm.evaluate.without_labels(lm.load_encoder(path), run.dataset, views=0, progress=False)
        assert not found.is_collapsed


def test_images_that_look_alike_leave_no_best(tmp_path: Path) -> None:
    same = np.repeat(pixels(1), COUNT, axis=0)
    with pytest.warns(
        RuntimeWarning, match="save_best: none of 4 states that were scored is kept: images looked alike"
    ):
        trainer(tmp_path, "rankme", epochs=2, validation=lm.Arrays(same)).fit()
    assert not (tmp_path / "checkpoints" / "best.safetensors").exists()
    assert all("best_rankme" not in line for line in lines(tmp_path))


def test_a_higher_rank_of_a_collapsed_encoder_is_not_better() -> None:
    """By the numbers alone: the rank of noise is the highest there is, and has no say."""
    watch = Best("rankme", labelled())
    healthy = {"rankme": 12.0}
    assert watch.note(healthy, looks_collapsed=False)
    assert healthy["best_rankme"] == 12.0
    watch._found = lm.evaluate.without_labels(
        None, (1 + 1e-4 * np.random.default_rng(0).normal(size=(64, 32))).astype(np.float32)
    )
    noise = {"rankme": 334.0}
    assert not watch.note(noise, looks_collapsed=False)
    assert noise["best_rankme"] == 12.0
    watch._found = None
    assert not watch.note({"rankme": 40.0}, looks_collapsed=True), "nor one that crossed a threshold of the run"
    assert watch.note({"rankme": 13.0}, looks_collapsed=False)
    assert not watch.note({"rankme": math.nan}, looks_collapsed=False)
    nearest = Best("alpha", labelled())
    assert [nearest.note({"alpha": value}, looks_collapsed=False) for value in (1.8, 0.5, 0.4, 1.2)] == [
        True, True, False, True
    ]  # fmt: skip


def test_the_log_tells_the_best() -> None:
    watch = Best("nn", labelled())
    history: list[dict[str, Any]] = [
        {"step": 1, "nn_accuracy": 0.5, "best_nn_accuracy": 0.5},
        {"step": 2, "nn_accuracy": 0.7, "best_nn_accuracy": 0.7},
        {"step": 3},
        {"step": 4, "nn_accuracy": 0.7, "best_nn_accuracy": 0.7},
    ]
    assert not watch.resume(history, 2)
    assert watch.value == 0.7
    assert watch.resume(history[:2], 1)
    assert not watch.resume(history[:3], 2)
    assert not watch.resume([], None)
    assert watch.value is None
    for lost in (None, 1):
        assert not watch.resume(history, lost)
        assert watch.value is None, "the state of step 2 is there no more"
    assert not watch.resume([{"step": 4, "nn_accuracy": 0.6, "best_nn_accuracy": 0.7}], 2), "lines were damaged"
    assert watch.value == 0.7
    other = Best("rankme", labelled())
    assert not other.resume(history, 2)
    assert other.value is None, "another score begins anew"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save_best: is 'rank', wanted one of 'nn', 'rankme', 'lidar', 'alpha'"):
        trainer(tmp_path, "rank")
    with pytest.raises(ValueError, match="save_best: is 'rankme', which needs a folder `out`"):
        trainer(None, "rankme")
    with pytest.raises(ValueError, match="save_best: is 'nn', which needs `validation`"):
        trainer(tmp_path, "nn")
    with pytest.raises(ValueError, match="has no labels"):
        trainer(tmp_path, "nn", validation=lm.Arrays(pixels(8)))
    assert not os.listdir(tmp_path)


def test_command_line(folder: Path, tmp_path: Path) -> None:
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    out = tmp_path / "run"
    call = ["pretrain", str(folder), "--out", str(out), "--epochs", "2", "--batch-size", "4", *settings]
    assert cli.main([*call, "--save-best", "rankme"]) == 0
    assert lm.load_encoder(out / "checkpoints" / "best.safetensors").config.width == 48
    assert "best_rankme" in lines(out)[-1]
