"""What test_distributed_evaluation.py lets ranks do: `mpiexec -n N python distributed_evaluation_job.py NAME DIR`."""

import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from conftest import SMALL, pixels

import latentmim as lm

LABELS = np.arange(150) % 4


class Given:
    """An encoder and images, the same on every rank; more than one part of them, of different sizes."""

    def __init__(self) -> None:
        self.model = lm.LatentMIM(**SMALL, seed=1)
        self.encoder = self.model.encoder
        self.train = lm.Arrays(pixels(150, 32, 40), LABELS)
        self.test = lm.Arrays(pixels(75, 32, 40, seed=1), LABELS[:75])
        self.few = lm.Arrays(pixels(5, 32, 40, seed=2), np.array([0, 1, 0, 1, 0]))


def _avx2(given: Given, comm: Any) -> Any:
    """Where OpenBLAS computes products, whose bits depend on their sizes."""
    before = lm.runtime.instruction_set()
    lm.runtime.set_instruction_set("avx2")
    try:
        return lm.evaluate.without_labels(given.encoder, given.train, views=0, progress=False, comm=comm)
    finally:
        lm.runtime.set_instruction_set(before)


# Every protocol that ranks share.
PROTOCOLS: dict[str, Callable[[Given, Any], Any]] = {
    "nn": lambda g, comm: lm.evaluate.nearest_neighbor(g.encoder, g.train, progress=False, comm=comm),
    "fewer than parts": lambda g, comm: lm.evaluate.nearest_neighbor(g.encoder, g.few, progress=False, comm=comm),
    "knn": lambda g, comm: lm.evaluate.knn(g.encoder, g.train, g.test, k=[3, 9], progress=False, comm=comm),
    "knn_uniform": lambda g, comm: lm.evaluate.knn_uniform(g.encoder, g.train, g.test, progress=False, comm=comm),
    "linear": lambda g, comm: lm.evaluate.linear_probe(
        g.encoder, g.train, g.test, epochs=2, progress=False, comm=comm
    ),
    "augmented": lambda g, comm: lm.evaluate.linear_probe(
        g.encoder, g.train, g.test, epochs=2, batch_size=75, augment=True, progress=False, comm=comm
    ),
    "few_shot": lambda g, comm: lm.evaluate.few_shot(
        g.encoder, g.train, g.test, shots=3, seeds=[1], iterations=20, progress=False, comm=comm
    ),
    "suite": lambda g, comm: lm.evaluate.suite(g.model, g.train, g.test, progress=False, comm=comm),
    "poolings": lambda g, comm: lm.evaluate.compare_poolings(
        g.model, g.train, g.test, "knn", poolings=["cls", "mean"], k=3, progress=False, comm=comm
    ),
    "without_labels": lambda g, comm: lm.evaluate.without_labels(
        g.encoder, g.train, images=140, views=2, progress=False, comm=comm
    ),
    "duplicates": lambda g, comm: lm.evaluate.duplicates(
        g.encoder, np.concatenate([g.train.images, g.train.images[:7]]), progress=False, comm=comm
    ),
    "segmentation": lambda g, comm: lm.evaluate.segmentation(
        g.encoder, np.tile(np.arange(48) // 16, (5, 40, 1)), pixels(5, 40, 48), segments=3, progress=False, comm=comm
    ),
    "avx2": _avx2,
}  # fmt: skip


def content(found: Any) -> Any:
    """Everything of a result, but nan as text."""
    return json.loads(json.dumps(found.to_dict()).replace("NaN", '"nan"'))


def said(call: Callable[[], Any]) -> str:
    """What a call raises, and as what."""
    try:
        call()
    except (Exception, KeyboardInterrupt) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def tell(comm: Any, folder: Path, found: Any) -> None:
    """Write what each rank found."""
    all_found = comm.gather(found)
    if comm.rank == 0:
        (folder / "found.json").write_text(json.dumps(all_found))


def protocols(comm: Any, folder: Path) -> None:
    """Every protocol."""
    given = Given()
    tell(comm, folder, {name: content(protocol(given, comm)) for name, protocol in PROTOCOLS.items()})


def folders(comm: Any, folder: Path) -> None:
    """Folders in which a file is damaged: an error of all ranks, or a row that is nothing; and videos."""
    encoder = Given().encoder
    damaged, videos = folder / "damaged", folder / "DAVIS"
    skipping = lm.ImageFolder(damaged, on_error="skip")

    def davis(path: Path, **options: Any) -> Any:
        return lm.evaluate.davis(encoder, path, size=32, progress=False, comm=comm, **options)

    tell(comm, folder, {
        "nn": said(lambda: lm.evaluate.nearest_neighbor(encoder, damaged, progress=False, comm=comm)),
        "duplicates": said(lambda: lm.evaluate.duplicates(encoder, damaged, progress=False, comm=comm)),
        "skipped": content(lm.evaluate.nearest_neighbor(encoder, skipping, progress=False, comm=comm)),
        "davis": content(davis(videos, out=folder / "masks")),
        "damaged frame": said(lambda: davis(folder / "broken")),
        "no folder": said(lambda: davis(folder / "nowhere")),
    })  # fmt: skip


def differing(comm: Any, folder: Path) -> None:
    """Ranks that have not the same, or of which one alone fails, all raise, and can go on."""
    given, rank = Given(), comm.rank
    other = lm.LatentMIM(**SMALL, seed=1 + rank).encoder
    others = lm.Arrays(pixels(150, 32, 40, seed=rank), LABELS)

    def nn(encoder: Any, data: Any, **options: Any) -> Any:
        return lm.evaluate.nearest_neighbor(encoder, data, progress=False, comm=comm, **options)

    refused = {
        "weights": said(lambda: nn(other, given.test)),
        "images": said(lambda: nn(given.encoder, others)),
        "options": said(lambda: nn(given.encoder, given.test, layer=1 + rank)),
        "refused by one": said(lambda: nn(given.encoder, given.test, pooling="cls" if rank == 0 else "clss")),
        "no encoder": said(lambda: nn(None if rank else given.encoder, given.test)),
        "on all": said(lambda: lm.evaluate.knn(given.encoder, given.test, given.test, k=99, progress=False, comm=comm)),
        "too few pairs": said(lambda: lm.evaluate.fine_tune(
            given.encoder, given.test, given.few, batch_size=2, epochs=1, progress=False, comm=comm
        )),
    }  # fmt: skip
    tell(comm, folder, refused | {"accuracy": nn(given.encoder, given.test).accuracy})


# Of more parts than ranks and of as many, of as many images in each and not; the last has an image without a partner.
TUNED: list[dict[str, Any]] = [{"batch_size": 140}, {"batch_size": 50, "drop_path": 0.3}, {"batch_size": 37}]


def tuned(given: Given, comm: Any, **options: Any) -> tuple[Any, list[float]]:
    """What fine-tuning finds, and features of the encoder that it leaves."""
    found = lm.evaluate.fine_tune(
        given.encoder, given.train, given.test, epochs=2, base_learning_rate=1e-3, warmup_epochs=0, mixup=0.8,
        rand_augment=True, precision="float32", progress=False, comm=comm, **options,
    )  # fmt: skip
    features = lm.evaluate.features(found.encoder, given.few, precision="float32", progress=False)
    return found.result, features.ravel().tolist()


def tuning(comm: Any, folder: Path) -> None:
    """Fine-tuning, of sets of which a file is damaged, too."""
    given = Given()
    found = [tuned(given, comm, **options) for options in TUNED]
    suite = lm.evaluate.suite(given.model, given.few, given.few, fine_tune=True, progress=False, comm=comm)
    tell(comm, folder, {
        "found": [(content(result), result.losses.tolist(), features) for result, features in found],
        "suite": list(suite.left_out),
        "damaged": said(lambda: lm.evaluate.fine_tune(
            given.encoder, folder / "damaged", folder / "damaged", epochs=1, progress=False, comm=comm
        )),
        "afterwards": lm.evaluate.nearest_neighbor(given.encoder, given.test, progress=False, comm=comm).accuracy,
    })  # fmt: skip


def interrupted(comm: Any, folder: Path) -> None:
    """Ctrl-C of one rank."""
    given = Given()
    if comm.rank == 1:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()

    def forever() -> None:
        lm.evaluate.linear_probe(
            given.encoder, given.train, given.test, epochs=100_000, augment=True, progress=False, comm=comm
        )

    tell(comm, folder, said(forever))


def scores_while_training(comm: Any, folder: Path) -> None:
    """Scores during training are those of the encoder as it is at the end."""
    given = Given()
    trainer = lm.Trainer(
        given.model, given.train, comm=comm, out=folder / "run", epochs=2, batch_size=30, precision="float32",
        validation=given.test, save_best="rankme", progress=False,
    )  # fmt: skip
    trainer.fit()
    alone = lm.evaluate.nearest_neighbor(given.encoder, given.test, progress=False)
    rank = lm.evaluate.without_labels(given.encoder, given.test, views=0, layer=2, progress=False)
    last = trainer.history[-1]
    tell(comm, folder, [last.get("nn_accuracy"), last.get("rankme"), alone.accuracy, rank.rankme, len(trainer.history)])


def budget(comm: Any, folder: Path) -> None:
    """A run that ends by rank 0's clock; the others' show other times."""
    from conftest import Clock

    from latentmim import budgets

    clock, step = Clock(), lm.Trainer.step
    clock.time = 1000.0 + 500 * comm.rank

    def timed(trainer: lm.Trainer) -> Any:
        clock.time += 0.5 * (1 + 3 * comm.rank)
        return step(trainer)

    budgets.now = clock  # type: ignore[assignment]
    lm.Trainer.step = timed  # type: ignore[method-assign]
    lm.pretraining._draw = lambda _: None
    began = clock.time
    model = lm.pretrain(pixels(17), folder / "run", budget=60, comm=comm, progress=False, **SMALL)
    digest = hashlib.sha256(b"".join(value.tobytes() for value in model.parameters().values())).hexdigest()
    tell(comm, folder, [clock.time - began, digest])


def main() -> None:
    from mpi4py import MPI

    name, folder = sys.argv[1:]
    globals()[name](MPI.COMM_WORLD, Path(folder))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
