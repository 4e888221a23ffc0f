"""Several processes that train one model over MPI. Needs mpi4py and a launcher; each has a time limit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from distributed_job import METHODS, QUANTIZED, STEPS, make_trainer, train
from mpi_jobs import SECONDS, Job, job, needs_mpi
from PIL import Image

import latentmim as lm
from latentmim import _latentmim as native
from latentmim.distributed import Ranks, world

JOB = Path(__file__).with_name("distributed_job.py")


@needs_mpi
def test_ranks_are_one_process(tmp_path: Path) -> None:
    """Loss and all metrics of 50 steps, whatever mixes images across the batch."""
    status, text = job(JOB, "equality", tmp_path)
    assert status == 0, text
    results = json.loads((tmp_path / "results.json").read_text())
    for name in METHODS:
        found = results[name]
        metrics, _ = train(name, steps=len(found))
        assert len(found) == STEPS[name]
        assert abs(metrics[-1]["loss"] - metrics[0]["loss"]) > 0.01, f"{name} learns nothing"
        for ours, theirs in zip(found, metrics, strict=True):
            assert ours.keys() == theirs.keys()
            assert abs(ours["loss"] - theirs["loss"]) < 1e-5, (name, ours["step"])
            for key, value in theirs.items():
                limit = 1e-3 if key in ("effective_rank", "gradient_norm") else 1e-4
                assert ours[key] == pytest.approx(value, abs=limit, rel=limit, nan_ok=True), (name, key, ours["step"])
    for name in QUANTIZED:
        check_quantized(name, results[name])
    rounded = [line["loss"] for line in results["bf16"]]
    exact = [line["loss"] for line in results["default"]]
    assert rounded[0] == exact[0] and rounded != exact
    assert np.abs(np.subtract(rounded, exact)).max() < 0.01


def check_quantized(name: str, found: list[dict[str, Any]]) -> None:
    """In eight bits rows are quantised one by one, so that images are what they are in one process, bit by bit, as long
    as weights are: the first step differs by the rounding of means and of gradients' sums alone. Then a weight that
    differs in its last bit may be rounded to another of 255 levels, as it may to another bfloat16: losses drift apart
    by some thousandths, where those of two seeds differ by some hundredths.
    """
    metrics, _ = train(name, steps=len(found))
    for key in ("similarity_targets", "similarity_visible", "similarity_predictions", "similarity_images"):
        assert found[0][key] == metrics[0][key], (name, key)
    assert found[0]["loss"] == pytest.approx(metrics[0]["loss"], abs=1e-6)
    assert found[0]["gradient_norm"] == pytest.approx(metrics[0]["gradient_norm"], rel=1e-5)
    drift = [abs(ours["loss"] - theirs["loss"]) for ours, theirs in zip(found, metrics, strict=True)]
    assert max(drift) < 0.02, (name, drift)
    assert metrics[-1]["loss"] < metrics[0]["loss"] - 0.1


@needs_mpi
def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    status, text = job(JOB, "refusals", tmp_path)
    assert status == 0, text
    first, second = json.loads((tmp_path / "refusals.json").read_text())
    assert first["odd"] == second["odd"] == "batch_size is 9, not divisible by 2 ranks"
    assert first["parts"] == "batch_size is 6, not divisible by 2 ranks × accumulation_steps = 2"
    assert "wanted one of" in first["wire"] or "'float16'" in first["wire"]
    assert "epochs" in first["one rank"] and second["one rank"] == f"rank 0: {first['one rank']}"
    assert first["budget"] == second["budget"] == "budget: is '1s' beside epochs = 2; wanted one of them"


@needs_mpi
def test_what_mpi_gets_is_flat_and_bf16_halves_it(tmp_path: Path) -> None:
    status, text = job(JOB, "memory", tmp_path)
    assert status == 0, text
    seen = json.loads((tmp_path / "memory.json").read_text())
    summed, sent = (sum(count for kind, count in seen if kind == wanted) for wanted in (0, 2))
    count = sum(value.size for value in train("default", steps=1)[1].values())
    assert summed > 0 and sent == summed / 2 and summed <= 2 * 4 * (count + 2)
    gradients = lm.LatentMIM(**SMALL).gradients()
    assert all(value.flags.c_contiguous for value in gradients.values())


@needs_mpi
@pytest.mark.parametrize(
    ("name", "message"),
    [("other_weights", "rank 1 has other weights than rank 0"), ("rank_that_raises", "latentmim: rank 1 of 2")],
)
def test_a_rank_that_raises_ends_the_job(name: str, message: str, tmp_path: Path) -> None:
    start = time.monotonic()
    status, text = job(JOB, name, tmp_path)
    assert status != 0 and message in text, text
    assert time.monotonic() - start < 30


@needs_mpi
def test_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    status, text = job(JOB, "not_finite", tmp_path)
    assert status == 0, text
    first, second = json.loads((tmp_path / "not_finite.json").read_text())
    assert first == second and "step 2: the loss is" in first and "no checkpoint was written before it" in first


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, image in enumerate(pixels(24)):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    return folder


def pretrain(photos: Path, out: Path, epochs: int) -> list[object]:
    """The command, on a small model."""
    sizes = {**SMALL, "grid": 4, "save_every": 1, "workers": 1}
    options = [text for name, value in sizes.items() for text in ("--set", f"{name}={value}")]
    return ["-m", "latentmim", "pretrain", photos, "--out", out, "--epochs", epochs, "--batch-size", 12, *options]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + SECONDS
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def ranks_of(job: Job) -> Iterator[int]:
    """Processes of the ranks below a launcher."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            parents = [int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])]
            while parents[-1] > 1:
                parents.append(
                    int((Path("/proc") / str(parents[-1]) / "stat").read_text().rsplit(")", 1)[1].split()[1])
                )
        except OSError:
            continue
        if command[0] == os.fsencode(sys.executable) and job.process.pid in parents:
            yield int(folder.name)


@needs_mpi
def test_a_rank_that_is_killed_ends_the_job(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Job(*pretrain(photos, out, 5000)) as running:
        wait_for(out / "checkpoints/last.safetensors", running.process)
        victims = sorted(ranks_of(running))
        assert len(victims) == 2
        os.kill(victims[1], signal.SIGKILL)
        status, text = running.end(30)
    assert status != 0 and ("Killed" in text or "signal 9" in text), text
    assert text.count("5000 epochs, batches of 12") == 1
    assert not (out / "encoder.safetensors").exists()


@needs_mpi
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path: Path) -> None:
    """Alone, then two ranks by `fit`, then alone: as one process that was never stopped. Rank 0 alone writes."""
    whole = make_trainer(epochs=6).fit()
    first = make_trainer(epochs=6)
    for _ in range(4):
        first.step()
    first.save(tmp_path / "four.safetensors")
    status, text = job(JOB, "goes_on", tmp_path)
    assert status == 0 and text.count("stopped after step 8 of 12") == 1, text
    last = make_trainer(epochs=6, out=tmp_path / "run")
    last.fit(resume=True)
    assert [line["step"] for line in last.history] == list(range(5, 13))
    for ours, theirs in zip(last.history, whole[4:], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)


@needs_mpi
def test_embedding_together(tmp_path: Path) -> None:
    status, text = job(JOB, "embedding", tmp_path)
    assert status == 0, text
    alone = lm.embed(lm.LatentMIM(**SMALL, seed=1).encoder, pixels(101), progress=False).vectors
    found = np.load(tmp_path / "vectors.npy")
    np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-6)
    # OpenBLAS's products depend on their sizes.
    assert lm.runtime.instruction_set() == "portable" or np.array_equal(found, alone)


@needs_mpi
def test_a_signal_ends_the_step_and_saves(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Job(*pretrain(photos, out, 5000)) as running:
        wait_for(out / "checkpoints/last.safetensors", running.process)
        os.kill(sorted(ranks_of(running))[1], signal.SIGUSR1)
        status, text = running.end(30)
    assert status != 0 and text.count("stopped after step") == 1, text
    assert f"stopped after step {len(lm.runs.read_metrics(out / 'metrics.jsonl'))} of" in text


def test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a launcher nothing asks for mpi4py; with one and without mpi4py it is named."""
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert world() is None and Ranks().is_root and Ranks().size == 1
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"latentmim\[mpi\]"):
        world()


class OneRank:
    """A communicator of one rank that carries gradients about in Fortran order."""

    def __init__(self) -> None:
        self.kinds: list[int] = []

    def start(self, kind: int, sent: memoryview | None, received: memoryview) -> int:
        self.kinds.append(kind)
        values = np.frombuffer(received, np.float32 if kind == 0 else np.uint8)
        if sent is not None:
            values[:] = np.frombuffer(sent, np.uint8)
        elif values.size % 2 == 0:
            turned = np.asfortranarray(values.reshape(2, -1))
            assert not turned.flags.c_contiguous
            values[:] = turned.ravel()
        return len(self.kinds)

    def finish(self, number: int, waits: bool) -> bool:
        return number <= len(self.kinds)


def joined(communicator: Any, size: int = 1, rank: int = 0, wire: str = "float32") -> lm.Trainer:
    model = lm.LatentMIM(**SMALL, similarity_coefficient=0.0, seed=1)
    trainer = lm.Trainer(model, pixels(24), epochs=4, batch_size=8, precision="float32", progress=False)
    if communicator is not None:
        native.trainer_join(trainer._handle, communicator, rank, size, wire)
    return trainer


def test_gradients_in_fortran_order_are_the_same_to_the_bit() -> None:
    one = OneRank()
    trainers = joined(None), joined(one)
    for _ in range(4):
        lines = [trainer.step() for trainer in trainers]
        assert all(line is not None for line in lines)
        for name in ("loss", "gradient_norm", "effective_rank"):
            assert lines[0][name] == lines[1][name]  # type: ignore[index]
    assert {0, 1} == set(one.kinds)
    for name, value in trainers[0].model.parameters().items():
        assert np.array_equal(value, trainers[1].model.parameters()[name]), name


def test_what_the_core_refuses() -> None:
    for rank, size in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match=f"ranks: rank {rank} of {size} is none"):
            joined(OneRank(), size, rank)
    with pytest.raises(ValueError, match="wire is 'int8', wanted 'float32' or 'bf16'"):
        joined(OneRank(), wire="int8")

    class Broken(OneRank):
        def start(self, kind: int, sent: memoryview | None, received: memoryview) -> int:
            raise ConnectionResetError("the switch is off")

    trainer = joined(Broken())
    with pytest.raises(ConnectionResetError, match="the switch is off"):
        trainer.step()

    class Silent(OneRank):
        def start(self, kind: int, sent: memoryview | None, received: memoryview) -> Any:
            return None

    trainer = joined(Silent())
    with pytest.raises(TypeError):
        trainer.step()


@needs_mpi
def test_other_communicators_are_refused() -> None:
    with pytest.raises(TypeError, match="comm: is str, wanted an intracommunicator of mpi4py"):
        lm.Trainer(lm.LatentMIM(**SMALL), pixels(16), epochs=1, batch_size=8, comm="world")


def test_a_wire_that_is_none_is_refused_by_one_process_too() -> None:
    with pytest.raises(ValueError, match="wire is 'fp8', wanted 'float32' or 'bf16'"):
        lm.Trainer(lm.LatentMIM(**SMALL), pixels(8), epochs=1, batch_size=4, wire="fp8")  # type: ignore[arg-type]
