"""Loggers get the lines of metrics.jsonl, each once, whatever happens to the run; and nothing of theirs ends it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import cli
from latentmim.loggers import NAMED, LoggedRun, make_loggers, sending
from latentmim.runs import read_metrics

RUN: dict[str, Any] = {"epochs": 6, "batch_size": 4, "progress": False, "save_every": 1}
Lines = list[tuple[int, dict[str, float]]]


class Recorder:
    """A logger that is a list; `store` outlives it."""

    def __init__(self, store: Lines, fails_at: set[int] | None = None, knows: bool = True) -> None:
        self.store, self.fails_at, self.knows = store, fails_at or set(), knows
        self.runs: list[LoggedRun] = []
        self.states: list[str] = []

    def begin(self, run: LoggedRun) -> int | None:
        self.runs.append(run)
        run.kept.setdefault("id", "7")
        return (self.store[-1][0] if self.store else 0) if self.knows else None

    def log(self, step: int, metrics: dict[str, float]) -> None:
        if step in self.fails_at:
            raise ConnectionError("nobody there")
        self.store.append((step, metrics))

    def end(self, state: str) -> None:
        self.states.append(state)


def trainer(out: Path | None, *loggers: Any, images: int = 16, **options: Any) -> lm.Trainer:
    model = lm.LatentMIM(**SMALL, seed=1)
    return lm.Trainer(model, pixels(images), out=out, loggers=loggers, **RUN | options)


def lines(out: Path) -> Lines:
    """What is to be logged: no step, no NaN."""
    return [
        (line["step"], {name: float(value) for name, value in line.items() if name != "step" and np.isfinite(value)})
        for line in read_metrics(out / "metrics.jsonl")
    ]


# ---- What they get ---------------------------------------------------------------------------------------------------


def test_a_logger_gets_the_lines(tmp_path: Path) -> None:
    logger = Recorder([])
    labels = np.arange(16) % 3
    made = trainer(tmp_path / "night", logger, validation=lm.data.Arrays(pixels(16), labels), log_every=3)
    made.fit()
    assert logger.store == lines(tmp_path / "night")
    assert {step for step, _ in logger.store} == {*range(3, 25, 3), *range(4, 25, 4)}
    assert "nn_accuracy" in logger.store[-1][1]
    (run,) = logger.runs
    assert (run.name, run.step, run.logged) == ("night", 0, 0)
    assert run.config == json.loads((tmp_path / "night/config.json").read_text())
    assert logger.states == ["finished"]
    assert json.loads((tmp_path / "night/loggers.json").read_text()) == {"Recorder": {"id": "7"}}
    # Nothing is left to do: nobody is asked.
    again = Recorder(logger.store)
    trainer(tmp_path / "night", again, log_every=3).fit()
    assert again.runs == []


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    logger = Recorder([])
    trainer(tmp_path, logger, batch_size=1, epochs=1, images=2).fit()
    assert [np.isnan(line["similarity_images"]) for line in read_metrics(tmp_path / "metrics.jsonl")] == [True, True]
    assert all("similarity_images" not in metrics and "loss" in metrics for _, metrics in logger.store)


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("lost", [0, 3, 9])
def test_a_killed_run_repeats_and_loses_nothing(knows: bool, lost: int, tmp_path: Path) -> None:
    """It was at step 10, its checkpoint at 8; `lost` lines never came to where the logger keeps them."""
    logger = Recorder([])
    made = trainer(tmp_path, logger)
    after = made._fitting.after_step

    def killed(metrics: Any) -> None:
        after(metrics)
        if metrics["step"] == 10:
            made._fitting._saved.save = lambda: None  # type: ignore[method-assign]
            raise MemoryError

    made._fitting.after_step = killed  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        made.fit()
    assert logger.states == ["failed"]
    there = logger.store[: 10 - lost]
    second = Recorder(list(there), knows=knows)
    trainer(tmp_path, second).fit()
    (run,) = second.runs
    assert (run.step, run.logged, run.kept) == (8, 10, {"id": "7"})
    assert second.states == ["finished"]
    if knows:
        assert [step for step, _ in second.store] == list(range(1, 25))
        wanted = [line for line in lines(tmp_path) if line[0] > len(there)]
        assert second.store[len(there) :] == wanted
    else:
        assert [step for step, _ in second.store[len(there) :]] == list(range(11, 25))


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    store: Lines = []
    made = trainer(tmp_path, first := Recorder(store))
    after = made._fitting.after_step

    def interrupting(metrics: Any) -> None:
        after(metrics)
        if metrics["step"] == 7:
            signal.raise_signal(signal.SIGINT)

    made._fitting.after_step = interrupting  # type: ignore[method-assign]
    made.fit()
    assert first.states == ["stopped"]
    trainer(tmp_path, second := Recorder(store)).fit()
    assert second.runs[0].step == 7
    assert store == lines(tmp_path)
    # Begun anew, it is another run everywhere; what loggers keep goes aside with the rest.
    (tmp_path / "tensorboard").mkdir()
    trainer(tmp_path, third := Recorder([])).fit(resume=False)
    assert third.runs[0].kept == {"id": "7"}
    assert (third.runs[0].step, third.runs[0].logged) == (0, 0)
    assert (tmp_path / "previous-1/loggers.json").exists()
    assert (tmp_path / "previous-1/tensorboard").exists()


# ---- Those that fail -------------------------------------------------------------------------------------------------


def test_failing_loggers_cost_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing, other = Recorder([], fails_at=set(range(5, 1000))), Other([])
    made = trainer(tmp_path, failing, other)
    with pytest.warns(
        RuntimeWarning, match=r"Recorder: step 5 was not taken \(ConnectionError: nobody there\)"
    ) as told:
        made.fit()
    assert len(told) == 1
    assert made.state.step == 24
    assert [step for step, _ in failing.store] == [1, 2, 3, 4]
    assert other.store == lines(tmp_path)
    said = capsys.readouterr().err
    assert (
        "Recorder: 20 of 24 lines were lost to it (ConnectionError: nobody there); metrics.jsonl has them all" in said
    )
    assert failing.states == ["finished"]


class Other(Recorder):
    """Of another name."""


def test_lines_wait_for_a_logger_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(sending.time, "monotonic", lambda: now[0])
    logger = Recorder([], fails_at={5})
    tries: list[int] = []
    log = logger.log

    def counted(step: int, metrics: dict[str, float]) -> None:
        tries.append(step)
        now[0] += 1.0 if step in logger.fails_at else 0.0
        log(step, metrics)

    logger.log = counted  # type: ignore[method-assign]
    lines_of = sending.Sending({"Recorder": logger})
    lines_of.begin(str(tmp_path), {}, [], 0)
    with pytest.warns(RuntimeWarning, match="step 5 was not taken"):
        for step in range(1, 9):
            lines_of.log({"step": step, "loss": 1.0})
            now[0] += 1
    # One that hangs a second is left alone for twenty.
    assert tries == [1, 2, 3, 4, 5]
    now[0] += 20
    logger.fails_at.clear()
    lines_of.log({"step": 9, "loss": 1.0})
    assert [step for step, _ in logger.store] == list(range(1, 10))
    lines_of.end("finished")
    assert capsys.readouterr().err == ""


def test_one_that_cannot_begin_ends_the_run_before_its_first_step(tmp_path: Path) -> None:
    class Refusing(Recorder):
        def begin(self, run: LoggedRun) -> int | None:
            raise PermissionError("who are you?")

    first, made = Recorder([]), None
    made = trainer(tmp_path, first, Refusing([]))
    with pytest.raises(PermissionError, match="who are you"):
        made.fit()
    assert made.state.step == 0
    assert first.states == ["failed"]


def test_one_that_cannot_end_costs_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Clinging(Recorder):
        def end(self, state: str) -> None:
            raise OSError("not yet")

    trainer(tmp_path, Clinging([])).fit()
    assert "Clinging: could not be ended (OSError: not yet)" in capsys.readouterr().err
    (tmp_path / "loggers.json").write_text("{")
    with pytest.warns(RuntimeWarning, match="is damaged; loggers begin new runs"):
        trainer(tmp_path, logger := Recorder([]), epochs=7).fit()
    assert logger.runs[0].kept == {"id": "7"}


# ---- By name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        ("tensorbord", ValueError, "loggers: there is no 'tensorbord'; did you mean 'tensorboard'?"),
        (["x", "tensorboard"], ValueError, "loggers: there is no 'x'; known are tensorboard, wandb, mlflow, trackio"),
        ([""], ValueError, "loggers: there is no ''"),
        ([Recorder([]), Recorder([])], ValueError, "loggers: hold 'Recorder' twice"),
        (
            [print],
            TypeError,
            "loggers: .* has no method 'begin'; wanted tensorboard, wandb, mlflow, trackio or a Logger",
        ),
    ],
)
def test_strange_loggers_are_refused(wanted: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text.replace("?", r"\?")):
        make_loggers(wanted)


@pytest.mark.parametrize("name", NAMED)
def test_a_package_that_is_not_there_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    text = rf"loggers: '{name}' needs the package {name}: pip install 'latentmim\[{name}\]'"
    with pytest.raises(ImportError, match=text):
        lm.pretrain(pixels(16), tmp_path / "run", loggers=name, **SMALL, batch_size=4)
    assert not (tmp_path / "run").exists()
    assert cli.main(["pretrain", str(folder), "--out", str(tmp_path / "run"), "--logger", name, "--batch-size=2"]) != 0
    assert f"needs the package {name}" in capsys.readouterr().err


def test_extras_are_those_of_the_registry() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for name, (_, _, package) in NAMED.items():
        assert project["optional-dependencies"][name][0].startswith(f"{package}>=")


def test_loggers_need_a_folder() -> None:
    with pytest.raises(ValueError, match="loggers: need a folder `out`"):
        trainer(None, Recorder([]))


# ---- The real ones, where they are installed -------------------------------------------------------------------------

KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_loggers import trainer
made = trainer(Path({out!r}), {name!r})
after = made._fitting.after_step
def killing(metrics):
    after(metrics)
    if metrics["step"] == 10:
        os.kill(os.getpid(), signal.SIGKILL)
made._fitting.after_step = killing
made.fit()
"""


def of_tensorboard(out: Path) -> Lines:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    (path,) = (out / "tensorboard").iterdir()
    events = [Event.FromString(record) for record in RawEventFileLoader(str(path)).Load()]
    return [
        (event.step, {value.tag: value.simple_value for value in event.summary.value})
        for event in events
        if event.summary.value
    ]


def of_wandb(out: Path) -> Lines:
    from wandb.proto.wandb_internal_pb2 import Record

    from latentmim.loggers.wandb_files import _records

    found: Lines = []
    for path in sorted((out / "wandb").glob("offline-run-*/*.wandb"), key=os.path.getmtime):
        for text in _records(path.read_bytes()):
            history = Record.FromString(text).history
            items = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in history.item}
            if items:
                found.append((history.step.num, {name: v for name, v in items.items() if not name.startswith("_")}))
    return found


def of_mlflow(out: Path) -> Lines:
    from mlflow import MlflowClient

    run = json.loads((out / "loggers.json").read_text())["mlflow"]["run_id"]
    client, found = MlflowClient(), defaultdict[int, dict[str, float]](dict)
    for name in client.get_run(run).data.metrics:
        for metric in client.get_metric_history(run, name):
            assert name not in found[metric.step]
            found[metric.step][name] = metric.value
    assert client.get_run(run).info.status == "FINISHED"
    assert client.get_run(run).data.params["model.width"] == str(SMALL["width"])
    return sorted(found.items())


def of_trackio(out: Path) -> Lines:
    import trackio

    run = json.loads((out / "loggers.json").read_text())["trackio"]["name"]
    rows = trackio.SQLiteStorage.get_logs("latentmim", run)
    return [
        (row["step"], {name: value for name, value in row.items() if name not in ("step", "timestamp")}) for row in rows
    ]


@pytest.mark.parametrize("name", NAMED)
def test_real_loggers_hold_what_metrics_jsonl_holds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill, too, at step 10 with the checkpoint at 8."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    pytest.importorskip(name)  # behind the variables: some are read once
    out = tmp_path / "run"
    program = KILLED.format(tests=str(Path(__file__).parent), out=str(out), name=name)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    first = read_metrics(out / "metrics.jsonl")
    assert len(first) == 10
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # theirs
        trainer(out, name).fit()
        found = globals()[f"of_{name}"](out)
    wanted = lines(out)
    assert [step for step, _ in found] == [step for step, _ in wanted] == list(range(1, 25))
    for (step, metrics), (_, values) in zip(wanted, found, strict=True):
        # What was sent before the kill stays, with the speed that the step had then.
        redone = {"images_per_second"} if step in (9, 10) and name != "tensorboard" else set()
        assert metrics.keys() == values.keys()
        for key in metrics.keys() - redone:
            assert values[key] == (np.float32(metrics[key]) if name == "tensorboard" else metrics[key]), (step, key)
