"""What test_distributed.py lets two ranks do: `mpiexec -n 2 python distributed_job.py NAME FOLDER`."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from conftest import SMALL, pixels
from PIL import Image

import latentmim as lm

# (model options, trainer options): what mixes images across a batch, and what is reduced another way.
METHODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "default": ({}, {}),
    "constraint": ({"similarity_form": "batch", "similarity_coefficient": 1.0}, {}),
    "contrast": ({"contrast_coefficient": 0.5}, {"accumulation_steps": 2}),
    "blocks": ({"mask": "multi_block", "grid": (8, 9), "target_sees": "all", "negatives": "all"}, {}),
    "buckets": ({"width": 240, "depth": 6}, {"recompute": True}),
}

# Eight bits: values and input gradients of linear layers, or targets alone.
QUANTIZED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
if "int8" in lm.runtime.feature_precisions():
    QUANTIZED = {
        "int8": ({"width": 96, "depth": 4}, {"precision": "int8"}),
        "int8 targets": (
            {"width": 96, "depth": 4},
            {"precision": lm.runtime.precisions()[-1], "target_precision": "int8"},
        ),
    }

STEPS = {"int8": 30, "int8 targets": 30, "default": 50, "constraint": 50, "contrast": 50, "blocks": 10, "buckets": 10}


def train(name: str, comm: Any = None, steps: int = 50, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The metrics of a method's steps, but for their speed, and the weights at the end."""
    model_options, trainer_options = (METHODS | QUANTIZED)[name]
    left_out = ("num_visible",) if name == "blocks" else ()
    options = {key: value for key, value in SMALL.items() if key not in left_out} | model_options
    model = lm.LatentMIM(**options, seed=1)
    trainer = lm.Trainer(
        model, pixels(36), comm=comm, epochs=30, batch_size=16, seed=3, base_learning_rate=0.02, warmup_epochs=1,
        progress=False, **{"precision": "float32", **trainer_options, **more},
    )  # fmt: skip
    metrics = [trainer.step() for _ in range(steps)]
    assert all(line is not None for line in metrics)
    return [{key: line[key] for key in line if key != "images_per_second"} for line in metrics], model.parameters()


def make_trainer(**options: Any) -> lm.Trainer:
    """A trainer of two steps an epoch."""
    return lm.Trainer(lm.LatentMIM(**SMALL), pixels(17), batch_size=8, progress=False, precision="float32", **options)


def goes_on(comm: Any, folder: Path) -> None:
    """Four more steps of a run that was begun alone, until a signal to rank 1 ends it."""
    trainer = make_trainer(epochs=6, comm=comm, out=folder / "run")
    after_step = trainer._fitting.after_step

    def stop(metrics: dict[str, Any]) -> None:
        after_step(metrics)
        if metrics["step"] == 8:
            os.kill(process, signal.SIGUSR1)

    process = comm.allgather(os.getpid())[1]
    trainer._fitting.after_step = stop  # type: ignore[method-assign]
    trainer.fit(resume=folder / "four.safetensors")
    assert trainer.state.step == 8 and len(trainer.history) == 4


def embedding(comm: Any, folder: Path) -> None:
    """Rows that two ranks compute, in memory and in a file; what one of them cannot read is an error of both."""
    encoder = lm.LatentMIM(**SMALL, seed=1).encoder
    images = pixels(101)
    found = lm.embed(encoder, images, comm=comm, progress=False).vectors
    written = lm.embed(encoder, images, folder / "written.npz", comm=comm, progress=False)
    assert np.array_equal(written.vectors, found)
    said = ""
    try:
        lm.embed(encoder, images, folder / f"{comm.rank}.unknown", comm=comm)
    except ValueError as error:
        said = str(error)
    assert "unknown" in said
    if comm.rank == 0:
        np.save(folder / "vectors.npy", found)


def equality(comm: Any, folder: Path) -> None:
    """Every method's metrics, those of both ranks."""
    results: dict[str, Any] = {}
    for name in METHODS | QUANTIZED:
        results[name], weights = train(name, comm, STEPS[name])
        both = comm.allgather((results[name], {key: value.tobytes() for key, value in weights.items()}))
        assert both[0] == both[1], f"{name}: ranks have other metrics or weights"
    results["bf16"] = train("default", comm, wire="bf16")[0]
    if comm.rank == 0:
        (folder / "results.json").write_text(json.dumps(results))


def refusals(comm: Any, folder: Path) -> None:
    """What does not go together is said on all ranks, which can go on."""
    said: dict[str, str] = {}

    def refused(name: str, kind: type[Exception], call: Any) -> None:
        try:
            call()
        except kind as error:
            said[name] = str(error)

    def trainer(model: lm.LatentMIM, **options: Any) -> lm.Trainer:
        options = {"epochs": 1, "batch_size": 8, "progress": False} | options
        return lm.Trainer(model, pixels(16), comm=comm, **options)

    model = lm.LatentMIM(**SMALL)
    refused("odd", ValueError, lambda: trainer(model, batch_size=9))
    refused("parts", ValueError, lambda: trainer(model, batch_size=6, accumulation_steps=2, seed=1))
    refused("wire", ValueError, lambda: trainer(model, wire="float16"))
    refused("one rank", ValueError, lambda: trainer(model, epochs=comm.rank))
    refused("budget", ValueError, lambda: lm.pretrain(pixels(16), folder / "none", budget="1s", epochs=2, comm=comm))
    assert trainer(model).step() is not None
    both = comm.gather(said)
    if comm.rank == 0:
        (folder / "refusals.json").write_text(json.dumps(both))


def memory(comm: Any, folder: Path) -> None:
    """All that the core hands over to MPI is flat: there is no order of axes to be mistaken."""
    from latentmim.distributed.exchanges import Exchanges

    seen = []
    start = Exchanges.start

    def looked_at(self: Exchanges, kind: int, sent: memoryview | None, received: memoryview) -> int:
        for view in (received, *([] if sent is None else [sent])):
            assert view.ndim == 1 and view.contiguous and view.format == "B" and not view.nbytes % 2
        seen.append((kind, received.nbytes))
        return start(self, kind, sent, received)

    Exchanges.start = looked_at  # type: ignore[method-assign]
    for wire in ("float32", "bf16"):
        train("default", comm, 2, wire=wire)
    if comm.rank == 0:
        (folder / "memory.json").write_text(json.dumps(seen))


def other_weights(comm: Any, folder: Path) -> None:
    """Ranks that do not have the same end at the first step."""
    lm.Trainer(lm.LatentMIM(**SMALL, seed=comm.rank), pixels(16), comm=comm, epochs=1, batch_size=8).step()


def rank_that_raises(comm: Any, folder: Path) -> None:
    """What one rank alone raises in a step ends both: here its disk loses the images."""
    own = folder / f"disk_{comm.rank}"
    own.mkdir()
    for number, image in enumerate(pixels(16)):
        Image.fromarray(image).save(own / f"{number:02}.png")
    trainer = lm.Trainer(lm.LatentMIM(**SMALL), own, comm=comm, epochs=5000, batch_size=8, progress=False)
    trainer.step()
    if comm.rank == 1:
        for path in own.iterdir():
            path.unlink()
    trainer.fit()


def not_finite(comm: Any, folder: Path) -> None:
    """A loss that is not finite is an error of both ranks, after which they are still in step."""
    model = lm.LatentMIM(**SMALL)
    trainer = lm.Trainer(
        model, pixels(16), comm=comm, out=folder / "diverged", epochs=2, batch_size=8, progress=False, save_every=0.5
    )
    good = model.parameters()
    trainer.step()
    model.load_parameters({name: value + np.float32("inf") * value for name, value in good.items()})
    said = ""
    try:
        trainer.fit()
    except FloatingPointError as error:
        said = str(error)
    model.load_parameters(good)
    assert trainer.step() is not None
    both = comm.gather(said)
    if comm.rank == 0:
        (folder / "not_finite.json").write_text(json.dumps(both))


def main() -> None:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    assert comm.size == 2 and lm.thread_count() >= 1
    name, folder = sys.argv[1:]
    globals()[name](comm, Path(folder))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
