"""Training from the outside: resuming to the bit, accumulation, Ctrl-C, crashes, the files of a run."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from PIL import Image

import latentmim as lm
from latentmim.pretraining import recipe

STEPS = 60
# 40 images in batches of 8: 5 steps an epoch.
RUN: dict[str, Any] = {"epochs": 12, "batch_size": 8, "seed": 3, "base_learning_rate": 0.03, "progress": False}


def trainer(**options: Any) -> lm.Trainer:
    return lm.Trainer(lm.LatentMIM(**SMALL, seed=1), pixels(40), **RUN | options)


def run(steps: int, **options: Any) -> lm.Trainer:
    made = trainer(**options)
    for _ in range(steps):
        assert made.step() is not None
    return made


def stop_after(made: lm.Trainer, steps: int) -> None:
    """Ctrl-C in one of the steps to come."""
    left = iter(range(steps - 1, -1, -1))
    original = made._fitting.after_step

    def after(metrics: dict[str, Any]) -> None:
        original(metrics)
        if next(left, -1) == 0:
            signal.raise_signal(signal.SIGINT)

    made._fitting.after_step = after


def measured(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Metrics without those that depend on the clock."""
    return [{name: value for name, value in line.items() if name != "images_per_second"} for line in history]


def assert_same(one: lm.Trainer, other: lm.Trainer) -> None:
    ours, theirs = one.model.parameters(), other.model.parameters()
    for name in ours:
        assert np.array_equal(ours[name], theirs[name]), name


@pytest.fixture(scope="module")
def whole() -> lm.Trainer:
    """Sixty steps in one go."""
    return run(STEPS)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_stopped_and_resumed_is_the_same_to_the_bit(whole: lm.Trainer, tmp_path: Path, threads: int) -> None:
    first = run(STEPS // 2)
    first.save(tmp_path / "half.safetensors")
    before = lm.thread_count()
    try:
        lm.set_thread_count(threads)
        second = trainer(workers=threads)
        second.restore(tmp_path / "half.safetensors")
        assert second.state.step == STEPS // 2
        rest = list(second)
    finally:
        lm.set_thread_count(before)
    assert measured(first.history + rest) == measured(whole.history)
    assert_same(second, whole)


def test_learning_happens(whole: lm.Trainer) -> None:
    losses = [line["loss"] for line in whole.history]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.01
    assert whole.step() is None
    assert whole.state.step == whole.state.total_steps == STEPS


@pytest.mark.parametrize("form", ["batch", "image"])
def test_accumulation_is_one_large_batch(form: str) -> None:
    made = [
        lm.Trainer(
            lm.LatentMIM(**SMALL, similarity_form=form, seed=1),
            pixels(40),
            accumulation_steps=parts,
            precision="float32",
            **RUN,
        )
        for parts in (1, 4)
    ]
    for _ in range(5):
        at_once, in_parts = (one.step() for one in made)
        for name in ("loss", "similarity_images", "effective_rank", "gradient_norm"):
            assert in_parts[name] == pytest.approx(at_once[name], rel=2e-4), name
    ours, theirs = (one.model.parameters() for one in made)
    for name in ours:
        assert np.abs(ours[name] - theirs[name]).max() < 2e-3, name


def test_fit_writes_a_run_and_goes_on_with_it(whole: lm.Trainer, tmp_path: Path) -> None:
    first = trainer(out=tmp_path, save_every=2, keep_every=4, log_every=1)
    for _ in range(23):
        first.step()
    first.fit(resume=False)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        "config.json",
        "encoder.safetensors",
        "metrics.jsonl",
        "checkpoints/last.safetensors",
        *(f"checkpoints/epoch-{epoch:04}.safetensors" for epoch in (8, 12)),
    }
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert measured(lines) == measured(first.history) == measured(whole.history)
    written = json.loads((tmp_path / "config.json").read_text())
    assert lm.ModelConfig.from_json(json.dumps(written["model"])) == first.model.config
    assert lm.TrainingConfig.from_json(json.dumps(written["training"])) == first.config
    encoder = lm.load_encoder(tmp_path / "encoder.safetensors")
    image = pixels(1, 32, 40)
    assert np.array_equal(encoder.features(image), first.model.encoder.features(image))

    # From an earlier epoch: what lies beyond it in the log is dropped, and comes out the same.
    os.replace(tmp_path / "checkpoints/epoch-0008.safetensors", tmp_path / "checkpoints/last.safetensors")
    second = trainer(out=tmp_path)
    second.fit()
    assert measured(second.history) == measured(whole.history)
    assert_same(second, whole)
    # A finished run is finished.
    third = trainer(out=tmp_path)
    assert measured(third.fit()) == measured(whole.history)


def test_resuming_what_is_not_there_or_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        trainer(out=tmp_path / "run").fit(resume=True)
    short = trainer(out=tmp_path / "run", epochs=1)
    short.fit()
    with pytest.raises(ValueError, match="batch_size"):
        trainer(out=tmp_path / "run", epochs=1, batch_size=4).fit()
    other = lm.Trainer(
        lm.LatentMIM(**SMALL | {"patch_gap": 1}), pixels(40), out=tmp_path / "run", **RUN | {"epochs": 1}
    )
    with pytest.raises(ValueError, match="patch_gap"):
        other.fit()
    assert len(other.fit(resume=False)) == 5
    assert (tmp_path / "run/previous-1/checkpoints/last.safetensors").exists()


def test_an_earlier_run_is_set_aside_whole(tmp_path: Path) -> None:
    trainer(out=tmp_path, epochs=2, keep_every=1).fit()
    first = (tmp_path / "metrics.jsonl").read_text()
    epochs = [f"checkpoints/epoch-{epoch:04}.safetensors" for epoch in (1, 2)]
    # Stepped by hand, it goes on from where it is; the run that is there is not its own.
    second = trainer(out=tmp_path, epochs=4)
    second.step()
    stop_after(second, 3)
    second.fit()
    assert second.state.step == 4
    assert (tmp_path / "previous-1/metrics.jsonl").read_text() == first
    for name in ("config.json", "encoder.safetensors", "checkpoints/last.safetensors", *epochs):
        assert (tmp_path / "previous-1" / name).exists(), name
    assert not (tmp_path / "encoder.safetensors").exists()
    assert not list((tmp_path / "checkpoints").glob("epoch-*"))
    # Its own run stays where it is, also with resume=False.
    second.fit(resume=False)
    assert [line["step"] for line in second.history] == list(range(1, 21))
    assert not (tmp_path / "previous-2").exists()
    trainer(out=tmp_path, epochs=1).fit(resume=False)
    assert (tmp_path / "previous-2/encoder.safetensors").exists()
    # What is set aside is the folder of a run.
    assert measured(trainer(out=tmp_path / "previous-2", epochs=4).fit()) == measured(second.history)


def test_a_checkpoint_from_elsewhere(tmp_path: Path) -> None:
    first = trainer(out=tmp_path / "first", epochs=2, keep_every=1)
    first.fit()
    trainer(out=tmp_path / "second", epochs=1).fit()
    second = trainer(out=tmp_path / "second", epochs=2)
    second.fit(resume=tmp_path / "first/checkpoints/epoch-0001.safetensors")
    assert [line["step"] for line in second.history] == list(range(6, 11))
    assert (tmp_path / "second/previous-1/checkpoints/last.safetensors").exists()
    assert_same(first, second)
    # From the run's own: the log goes on, and the last checkpoint is this one from the start.
    third = trainer(out=tmp_path / "first", epochs=2)
    third._fitting.begin(tmp_path / "first/checkpoints/epoch-0001.safetensors")
    assert [line["step"] for line in third.history] == list(range(1, 6))
    again = trainer(epochs=2)
    again.restore(tmp_path / "first/checkpoints/last.safetensors")
    assert again.state.step == 5
    assert not (tmp_path / "first/previous-1").exists()


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    left = [tmp_path / ".encoder.safetensors.tmp-7-x1", tmp_path / "checkpoints/.last.safetensors.tmp-12-abc"]
    mine = [tmp_path / "notes.tmp-1", tmp_path / ".hidden"]
    for path in left + mine:
        path.write_text("half")
    trainer(out=tmp_path, epochs=1).fit()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in mine)
    assert not (tmp_path / "previous-1").exists()


def test_scores_and_the_last_step_are_logged(tmp_path: Path) -> None:
    labelled = lm.Arrays(pixels(12), np.arange(12) % 3)
    trainer(out=tmp_path, epochs=3, validation=labelled, validate_every=2, log_every=4).fit()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 10, 12, 15]
    assert [line["step"] for line in lines if "nn_accuracy" in line] == [10, 15]


def test_a_log_cut_off_by_a_crash(tmp_path: Path) -> None:
    trainer(out=tmp_path, epochs=2).fit()
    log = tmp_path / "metrics.jsonl"
    log.write_text(log.read_text() + '{"step": 11, "lo')
    assert [line["step"] for line in trainer(out=tmp_path, epochs=2).fit()] == list(range(1, 11))


def test_validation(tmp_path: Path) -> None:
    labelled = lm.Arrays(pixels(12), np.arange(12) % 3)
    made = trainer(out=tmp_path, epochs=4, validation=labelled, validate_every=2)
    history = made.fit()
    assert [line["step"] for line in history if "nn_accuracy" in line] == [10, 20]
    score = lm.evaluate.nearest_neighbor(made.model.encoder, labelled, progress=False)
    assert history[-1]["nn_accuracy"] == score.accuracy
    with pytest.raises(ValueError, match="labels"):
        trainer(validation=pixels(12))


def test_progress_bar_says_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer(epochs=1, progress=True)
    made.fit()
    shown = capsys.readouterr().err
    assert f"chance {made.model.chance_loss:.3f}" in shown
    assert "images/s" in shown
    assert "similarity" in shown
    assert "5/5" in shown


def test_an_objective_without_a_chance_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the bar, the file of the configuration nor the picture speaks of one."""
    model = lm.LatentMIM(**SMALL | {"objective": "mse"}, seed=1)
    made = lm.Trainer(model, pixels(40), **RUN | {"out": tmp_path, "epochs": 1, "progress": True})
    made.fit()
    shown = capsys.readouterr().err
    assert "loss" in shown
    assert "chance" not in shown
    written = json.loads((tmp_path / "config.json").read_text(), parse_constant=pytest.fail)
    assert (written["chance_loss"], written["floor_loss"]) == (None, 0)
    for run in (made, tmp_path):
        labels = lm.plot.history(run)[0, 0].get_legend_handles_labels()[1]
        assert labels == ["loss", "floor 0.000, below"]


def test_batch_of_one(tmp_path: Path) -> None:
    """Nothing to compare images with: nan, and null in the log."""
    made = trainer(out=tmp_path, batch_size=1, epochs=1)
    assert np.isnan(made.fit()[0]["similarity_images"])
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["similarity_images"] is None


def test_pretrain(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = SMALL | {"epochs": 2, "batch_size": 4, "progress": False}
    model = lm.pretrain(folder, tmp_path / "run", **options)
    assert model.config.width == 48
    assert "12 images" in capsys.readouterr().err
    pictures = {"history.png", "views.png", "segments-1.png", "segments-2.png", "segments-3.png", "neighbors.png"}
    assert {path.name for path in (tmp_path / "run/pictures").iterdir()} == pictures
    again = lm.pretrain(folder, tmp_path / "run", **options)
    assert all(np.array_equal(value, again.parameters()[name]) for name, value in model.parameters().items())
    with pytest.raises(ValueError, match=r"learning_rate.*base_learning_rate"):
        lm.pretrain(folder, tmp_path / "run", learning_rate=1.0)
    with pytest.raises(ValueError, match="validate_every: is 0"):
        lm.pretrain(folder, tmp_path / "run", validate_every=0, **options)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 2, "batch_size": 0}, {"epochs": -1}])
def test_sizes_of_a_run_are_refused_by_their_own_names(options: dict[str, int], folder: Path, tmp_path: Path) -> None:
    """Not by what follows from them, such as how often is scored."""
    name = min(options, key=lambda name: options[name])
    with pytest.raises(ValueError, match=f"{name} is {options[name]}"):
        lm.pretrain(folder, tmp_path / "run", **SMALL | {"batch_size": 4} | options)


def test_no_pictures_without_matplotlib_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    lm.pretrain(folder, tmp_path / "run", epochs=1, batch_size=4, progress=False, **SMALL)
    said = "no pictures: they need matplotlib, pip install 'latentmim[plot]'; the same call draws them then"
    assert capsys.readouterr().err.splitlines()[-1] == said


def test_warnings_name_the_line_of_the_user(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    """However deep they arise: where else should one look for what is to be changed?"""
    (folder / "cats" / "Thumbs.db").write_text("not ours")
    for call in (
        lambda: lm.ImageFolder(folder),
        lambda: lm.data.as_dataset(folder),
        lambda: lm.data.pack(folder, tmp_path / "packed.safetensors", progress=False),
        lambda: lm.evaluate.nearest_neighbor(model.encoder, folder, progress=False),
        lambda: lm.Trainer(model, folder, epochs=1, batch_size=4),
    ):
        with pytest.warns(UserWarning, match=r"left out: 1 \.db") as warned:
            call()
        assert warned[0].filename == __file__


def test_a_named_encoder_keeps_what_small_images_need() -> None:
    small, large = lm.Arrays(pixels(4, 32, 32, channels=1)), lm.Arrays(pixels(4, 96, 96))
    assert recipe(small, "vit_tiny")[0] == {"size": "vit_tiny", "channels": 1, "patch_size": 4, "patch_gap": 1}
    assert recipe(large, "vit_tiny")[0] == {"size": "vit_tiny"}
    assert recipe(small)[0]["patch_size"] == 4
    assert "patch_size" not in recipe(large)[0]


def test_small_images_are_seen_in_every_kind_of_set(folder: Path, tmp_path: Path) -> None:
    (folder / "cats" / "01.jpg").write_bytes(b"no picture")
    Image.fromarray(pixels(1, 300, 300)[0]).save(folder / "dogs" / "00.jpg")
    lm.data.pack(folder, tmp_path / "packed.safetensors", progress=False, on_error="skip")
    packed = lm.data.Packed(tmp_path / "packed.safetensors")
    for data in (lm.ImageFolder(folder), packed, lm.Arrays(pixels(4, 95, 200))[1:3]):
        assert recipe(data)[0]["patch_size"] == 4
    two = [lm.ImageFolder(folder).paths.index(str(folder / name)) for name in ("dogs/00.jpg", "dogs/02.jpg")]
    assert "patch_size" not in recipe(lm.ImageFolder(folder).subset(two))[0]  # the median of 40 and 300 pixels


# ---- In processes of their own ---------------------------------------------------------------------------------------

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if the tests run under nohup
sys.path.insert(0, {tests!r})
import latentmim as lm
from conftest import SMALL, pixels
model = lm.LatentMIM(**SMALL | {model!r}, seed=1)
trainer = lm.Trainer(model, pixels(40), epochs=100000, batch_size=8, out={out!r}, progress=False, **{options!r})
original, calls = trainer._fitting.after_step, []
def after(metrics):
    original(metrics)
    calls.append(metrics)
    if len(calls) == 3:
        print("going", flush=True)
trainer._fitting.after_step = after
"""


def start(code: str, out: Path, model: dict[str, Any] | None = None, **options: Any) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parent)
    begin = SCRIPT.format(tests=tests, out=str(out), model=model or {}, options=options)
    process = subprocess.Popen(
        [sys.executable, "-c", begin + textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "going\n", process.communicate()
    return process


def test_interrupted_fit_saves_and_returns(tmp_path: Path) -> None:
    process = start("history = trainer.fit(); print('returned', len(history), trainer.state.step)", tmp_path)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    word, count, step = output.split()
    assert word == "returned"
    assert count == step
    assert "stopped after step" in errors
    assert "last.safetensors" in errors
    resumed = trainer(out=tmp_path, epochs=100000, base_learning_rate=1.5e-4, seed=0)
    resumed.restore(tmp_path / "checkpoints/last.safetensors")
    assert resumed.state.step == int(step)


def test_second_interrupt_raises_at_once(tmp_path: Path) -> None:
    """The step is a long one, of a large model: the second Ctrl-C does not wait for its end."""
    code = """
        import signal
        try:
            trainer.fit()
        except KeyboardInterrupt:
            print("interrupted", trainer.state.step, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """
    process = start(code, tmp_path, model={"width": 768, "depth": 12, "heads": 12, "projector_width": 2048})
    # Twice, and apart: a signal that comes before the first is handled merges with it.
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "interrupted" in output and output.split()[-1] == "True", (output, errors)


def test_killed_while_saving_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """It saves all the time; wherever the axe falls, the last checkpoint is whole."""
    for attempt in range(4):
        process = start("trainer.fit()", tmp_path, save_every=0.2)
        time.sleep(0.05 + 0.037 * attempt)
        process.kill()
        process.communicate()
        resumed = trainer(out=tmp_path, epochs=100000, base_learning_rate=1.5e-4, seed=0)
        resumed.restore(tmp_path / "checkpoints/last.safetensors")
        assert resumed.state.step >= 3
        assert np.isfinite(resumed.step()["loss"])
