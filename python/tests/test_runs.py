"""The folder of a run: whose images it knows, one writer, a log that fits its checkpoint, what is said of it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim.fitting.said import Pace
from latentmim.history import History
from latentmim.progress import duration
from latentmim.runs import RunFolder, RunLock, read_metrics

RUN: dict[str, Any] = {"epochs": 2, "batch_size": 8, "progress": False}


def trainer(out: Path | None = None, data: Any = None, **options: Any) -> lm.Trainer:
    images = pixels(16) if data is None else data
    return lm.Trainer(lm.LatentMIM(**SMALL, seed=1), images, out=out, **RUN | options)


def steps(out: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]


# ---- Its images ------------------------------------------------------------------------------------------------------


def test_other_images_are_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = SMALL | RUN
    model = lm.pretrain(pixels(16), tmp_path, **options)
    assert "already finished" not in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"the images are others than there.*; wanted another `out`, or resume=False"):
        lm.pretrain(pixels(16, seed=5), tmp_path, **options)
    with pytest.raises(ValueError, match=r"had 16 images there, it has 17 here"):
        lm.pretrain(pixels(17), tmp_path, **options)
    drawn = {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").iterdir()}
    again = lm.pretrain(pixels(16), tmp_path, **options)
    assert f"already finished: {tmp_path} has all 4 steps" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").iterdir()} == drawn
    assert all(np.array_equal(value, again.parameters()[name]) for name, value in model.parameters().items())
    data = json.loads((tmp_path / "config.json").read_text())["data"]
    assert data["images"] == 16
    assert data["source"].startswith("Arrays(16 images")


def test_files_are_known_by_their_names(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    trainer(out, folder, batch_size=4).fit()
    folder.rename(tmp_path / "moved")
    assert trainer(out, tmp_path / "moved", batch_size=4).fit()
    (tmp_path / "moved/cats/01.jpg").rename(tmp_path / "moved/cats/one.jpg")
    with pytest.raises(ValueError, match="files have other names than there"):
        trainer(out, tmp_path / "moved", batch_size=4).fit()


def test_the_precision_of_a_run_stays(tmp_path: Path) -> None:
    before = lm.runtime.instruction_set()
    try:
        lm.runtime.set_instruction_set("portable")
        trainer(tmp_path, epochs=1).fit()
        lm.runtime.set_instruction_set(before)
        second = trainer(tmp_path, epochs=1)
        second.fit()
    finally:
        lm.runtime.set_instruction_set(before)
    assert second.config.precision == second.precision == "float32"
    assert json.loads((tmp_path / "config.json").read_text())["training"]["precision"] == "float32"


# ---- Log and checkpoint ----------------------------------------------------------------------------------------------


def test_a_score_that_failed_is_made_up_for(folder: Path, tmp_path: Path) -> None:
    out, broken = tmp_path / "run", folder / "cats/01.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(b"no image")
    options: dict[str, Any] = {"validation": folder, "validate_every": 1, "log_every": 100, "save_every": 1}
    with pytest.raises(ValueError, match=r"01\.jpg"):
        trainer(out, **options).fit()
    assert steps(out) == [2], "what is in the checkpoint is in the log"
    broken.write_bytes(whole)
    resumed = trainer(out, **options)
    resumed.fit()
    plain = trainer(**options)
    plain.fit()
    lines = read_metrics(out / "metrics.jsonl")
    assert [(line["step"], line["nn_accuracy"]) for line in lines] == [
        (line["step"], line["nn_accuracy"]) for line in plain.history if "nn_accuracy" in line
    ]


def test_no_checkpoint_without_its_line(tmp_path: Path) -> None:
    made = trainer(tmp_path, save_every=0.5)
    original, log = made._fitting.after_step, tmp_path / "metrics.jsonl"

    def after(metrics: dict[str, Any]) -> None:
        if metrics["step"] == 3:
            log.rename(tmp_path / "kept")
            log.symlink_to("/dev/full")
        original(metrics)

    made._fitting.after_step = after  # type: ignore[method-assign]
    with pytest.raises(OSError, match="No space left") as found:
        made.fit()
    assert found.value.filename == str(log)
    log.unlink()
    (tmp_path / "kept").rename(log)
    assert steps(tmp_path) == [1, 2]
    resumed = trainer(tmp_path, save_every=0.5)
    resumed.restore(tmp_path / "checkpoints/last.safetensors")
    assert resumed.state.step == 2
    trainer(tmp_path, save_every=0.5).fit()
    assert steps(tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"null", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'{"loss": 1}', "no step"),
        (b'{"step": "a"}', "no step"),
        (b'{"step": 2, "loss": "a"}', "'loss' is no number"),
        (b'{"st\xffep": 2}', "no UTF-8"),
        (b"\0" * 200, "no JSON"),
        (b'{"step": 2, "lo', "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_damaged_line_is_named_and_left_out(tmp_path: Path, line: bytes, problem: str) -> None:
    trainer(tmp_path).fit()
    log = tmp_path / "metrics.jsonl"
    lines = log.read_bytes().splitlines()
    damaged = b"\n".join([lines[0], line, *lines[2:]]) + b"\n"
    log.write_bytes(damaged)
    with pytest.warns(RuntimeWarning, match=rf"metrics\.jsonl, line 2: {problem}.*left out"):
        assert [entry["step"] for entry in trainer(tmp_path).fit()] == [1, 3, 4]
    assert (tmp_path / "metrics.jsonl.damaged").read_bytes() == damaged
    assert steps(tmp_path) == [1, 3, 4]
    log.write_bytes(damaged + line + b"\n")
    with pytest.warns(RuntimeWarning, match=r"line 2: .*; so is 1 other"):
        read_metrics(log)


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    trainer(tmp_path).fit()
    (tmp_path / "config.json").write_text('{"model":')
    with pytest.raises(ValueError, match=r"config\.json: no JSON"):
        lm.plot.history(tmp_path)


# ---- One writer ------------------------------------------------------------------------------------------------------


def test_one_run_writes_to_a_folder(tmp_path: Path) -> None:
    with RunLock(str(tmp_path)):
        with pytest.raises(BlockingIOError, match=rf"another run, of process {os.getpid()} on .*writes here") as found:
            trainer(tmp_path).fit()
        assert found.value.filename == str(tmp_path)
        trainer(tmp_path / "other").fit()
    assert not (tmp_path / ".lock").exists()
    trainer(tmp_path).fit()


HOLD = """
import os, sys, time
from latentmim.runs import RunLock
lock = RunLock(sys.argv[1])
lock.__enter__()
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(60)
"""


OUTLIVE = """
import os, sys
from latentmim.runs.lock import RunLock
with RunLock(sys.argv[1]):
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    try:
        with RunLock(sys.argv[1]):
            print("free")
    except BlockingIOError:
        print("held")
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A child that it forked, alive still, holds nothing; nor does one that ends take the lock away."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        with pytest.raises(BlockingIOError, match=f"process {process.pid} on "), RunLock(str(tmp_path)):
            pass
        process.kill()
        process.wait()
        os.kill(child, 0)
        # In a process of its own: others' threads in this one are not made for a fork.
        outlived = subprocess.run([sys.executable, "-c", OUTLIVE, str(tmp_path)], capture_output=True, text=True)
        assert outlived.stdout.split() == ["held"], outlived.stderr
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


def child(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    begin = f"""
        import os, signal, sys, threading
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import latentmim as lm
        from conftest import SMALL, pixels
    """
    text = textwrap.dedent(begin) + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_an_ignored_interrupt_stays_ignored() -> None:
    code = """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        trainer = lm.Trainer(lm.LatentMIM(**SMALL), pixels(16), epochs=150, batch_size=8, progress=False)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        trainer.fit()
        print(trainer.state.step, signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
    """
    process = child(code)
    output, errors = process.communicate(timeout=100)
    assert output.split() == ["300", "True"], errors


def test_interrupted_pretrain_raises_and_goes_on(tmp_path: Path) -> None:
    code = """
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            lm.pretrain(pixels(16), sys.argv[1], epochs=100_000, batch_size=8, progress=False, **SMALL)
        except KeyboardInterrupt as error:
            print(error)
    """
    process = child(code, str(tmp_path))
    log, deadline = tmp_path / "metrics.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and log.stat().st_size):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert output.startswith("stopped after step "), errors
    assert f"saved in {tmp_path}/checkpoints/last.safetensors, the same call goes on from there" in output
    assert "drawing" not in errors


# ---- What is said, and drawn -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 13])
def test_pictures_of_any_channels(tmp_path: Path, channels: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = lm.pretrain(pixels(16, channels=channels), tmp_path, **SMALL | RUN)
    assert model.config.channels == channels
    pictures = {"history.png", "views.png", "segments-1.png", "segments-2.png", "segments-3.png", "neighbors.png"}
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == pictures
    assert f"drawing pictures in {tmp_path}/pictures" in capsys.readouterr().err


def test_a_picture_that_cannot_be_drawn_costs_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("latentmim.plot.run_pictures.views", broken)
    with pytest.warns(RuntimeWarning, match=r"views\.png: not drawn: RuntimeError: no ink"):
        model = lm.pretrain(pixels(16), tmp_path, **SMALL | RUN)
    assert (tmp_path / "pictures/neighbors.png").exists()
    monkeypatch.setattr("latentmim.plot.run", broken)
    with pytest.warns(RuntimeWarning, match="no ink; the model is trained and saved"):
        again = lm.pretrain(pixels(16), tmp_path, resume=False, **SMALL | RUN)
    assert all(np.array_equal(value, again.parameters()[name]) for name, value in model.parameters().items())


def test_a_history_shows_as_a_summary(tmp_path: Path) -> None:
    made = trainer(tmp_path, epochs=30, validation=lm.Arrays(pixels(8), np.arange(8) % 2), validate_every=10)
    assert repr(made.history) == f"History: no steps of 60 yet, in {tmp_path}"
    found = made.fit()
    assert isinstance(found, list) and found is made.history and len(found) == 60
    text = repr(found)
    assert text.startswith(f"History: step 60 of 60, in {tmp_path}; loss {found[0]['loss']:.3f} → ")
    assert f"chance {made.model.chance_loss:.3f}" in text and "nearest-neighbour accuracy" in text
    shown = found._repr_html_()
    assert len(shown) < 2000
    assert f"<td>{found[-1]['loss']:.3f}</td>" in shown
    assert repr(History([{"step": 3, "loss": 1.0}])) == "History: step 3 of 0; loss 1.000 → 1.000"


def test_pretrain_says_how_long_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lm.pretrain(pixels(16), tmp_path, **SMALL | RUN | {"epochs": 40})
    said = [line for line in capsys.readouterr().err.splitlines() if "to go on this machine" in line]
    assert len(said) == 1
    assert said[0].startswith("about ") and said[0].endswith("by the first 20")


def test_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0, 104.0, 106.0, 108.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    pace = Pace()
    said = [pace.after_step(left) for left in (5000, 4999, 4998, 4997, 4996)]
    assert said == [
        None,
        None,
        None,
        "about 2 h 47 min to go on this machine: 4,997 steps of 2 s, by the first 3",
        None,
    ]
    assert [duration(seconds) for seconds in (5, 89.6, 400, 5400, 200_000)] == [
        "5 s", "1 min", "7 min", "1 h 30 min", "2 days 8 h",
    ]  # fmt: skip


def test_a_folder_for_a_run_is_wanted() -> None:
    with pytest.raises(ValueError, match="out: is empty"):
        RunFolder("")


def test_no_warnings_for_a_line_cut_off(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(b'{"step": 1, "loss": null}\n{"step": 2, "lo')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (line,) = read_metrics(log)
    assert np.isnan(line["loss"])
