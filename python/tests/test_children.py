"""Every kind of call in child processes, however they are made and whatever their parent does meanwhile."""

import concurrent.futures
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import calls
import numpy as np
import pytest
from conftest import SMALL, pixels
from programs import end_of, run, start_child

import latentmim as lm

METHODS = ("fork", "spawn", "forkserver")


@pytest.mark.parametrize("what", ["threads", "busy", "first", "pools", "executors", "joblib"])
def test_children(what: str) -> None:
    """In a process of its own: JAX, which other tests load, does not survive a fork."""
    run(__file__, what)


def test_data_loaders() -> None:
    pytest.importorskip("torch", reason="PyTorch is not here")
    run(__file__, "loaders")


def test_all_kinds_of_calls_are_tried() -> None:
    """What is new in `lm.evaluate` is called in children, too."""
    named = set(lm.evaluate.__all__) - {name for name in lm.evaluate.__all__ if name[0].isupper()}
    inside = {"segmentation": "segmentation", "region_similarity": "tracking", "boundary_accuracy": "tracking"}
    files = {"davis", "davis_scores", "video_scores"}  # Python around `track` and the two scores
    assert {inside.get(name, name) for name in named - files} <= calls.CALLS.keys()


def same(wanted: dict[str, str], seed: int = 3) -> None:
    found = calls.compute(list(wanted), seed)
    assert found == wanted, sorted(name for name in wanted if found[name] != wanted[name])


def any_number_of_threads() -> None:
    """In children and children's children, after the parent's own."""
    wanted = calls.compute()

    def child(threads: int) -> None:
        lm.set_thread_count(threads)
        same(wanted)
        end_of(start_child(lambda: same(wanted), 30))

    for threads in (1, 2, 8):
        lm.set_thread_count(threads)
        end_of(start_child(lambda threads=threads: child(threads)))
    same(wanted)


def while_the_parent_computes() -> None:
    lm.set_thread_count(4)
    wanted, stop = calls.compute(), threading.Event()

    def work(seed: int) -> None:
        given = calls.Given(seed)
        while not stop.is_set():
            for call in calls.CALLS.values():
                if not stop.is_set():
                    call(given)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (11, 12)]
    for thread in threads:
        thread.start()
    forks = []
    try:
        for _ in range(3):
            start = time.monotonic()
            child = start_child(lambda: same(wanted))
            forks.append(time.monotonic() - start)
            end_of(child)
        assert min(forks) < 1.5, f"forks took {forks} s: they wait for what runs long"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def while_the_parent_computes_for_the_first_time() -> None:
    """What a thread of the parent makes at its first use is left half made in the child."""
    lm.set_thread_count(2)
    _ = np.random.default_rng(0)  # imported here: Python's own locks of imports are no matter of ours
    names = ["linear_probe", "features", "knn", "training"]

    def work() -> None:
        calls.compute(names)

    thread = threading.Thread(target=work)
    thread.start()
    children = []
    for _ in range(12):
        children.append(start_child(work))
        time.sleep(0.001)
    for child in children:
        end_of(child)
    thread.join()


def _digest_of(given: tuple[lm.Encoder, str]) -> str:
    encoder, name = given
    mine = calls.Given()
    mine.encoder = encoder
    return calls.digest(calls.CALLS[name](mine))


def pools_of_each_method() -> None:
    given = calls.Given()
    parts = np.array_split(given.images, 6)
    wanted = [given.encoder.features(part) for part in parts]
    for method in METHODS:
        with multiprocessing.get_context(method).Pool(2) as pool:
            for _ in range(2):
                found = pool.map_async(given.encoder.features, parts).get(40)
                assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True)), method


def executors_of_each_method() -> None:
    given, names = calls.Given(), ["features", "linear_probe", "fine_tune", "without_labels", "reading", "training"]
    tasks = [(given.encoder, name) for name in names]
    wanted = [_digest_of(task) for task in tasks]
    for method in METHODS:
        context = multiprocessing.get_context(method)
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            assert list(executor.map(_digest_of, tasks, timeout=40)) == wanted, method
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        assert list(executor.map(_digest_of, tasks, timeout=40)) == wanted


def scikit_learns_jobs() -> None:
    """By loky's processes and by threads; arrays of a megabyte and more arrive there as files mapped for reading."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    images, labels = pixels(120, 40, 48), np.arange(120) % 3
    images[labels == 1] //= 2
    encoder = lm.LatentMIM(**SMALL | {"width": 192, "heads": 3, "depth": 1}).encoder
    import joblib

    scores = []
    for backend, jobs in (("loky", 1), ("loky", 2), ("threading", 2)):
        pipeline = make_pipeline(lm.Features(encoder), LogisticRegression(tol=0.1))
        with joblib.parallel_backend(backend):
            scores.append(cross_val_score(pipeline, images, labels, cv=2, n_jobs=jobs, error_score="raise"))
    assert np.array_equal(scores[0], scores[1]) and np.array_equal(scores[0], scores[2])


class _Loaded:
    """A map-style data set as PyTorch wants it: its items are computed in workers."""

    def __init__(self, given: Any, folder: lm.data.Dataset | None = None) -> None:
        self.given, self.folder = given, folder or given.train

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> np.ndarray:
        image = self.folder[index]
        lm.resize(image[np.newaxis], 24)
        return self.given.encoder.features(image[np.newaxis])[0]


def workers_of_pytorch() -> None:
    from torch.utils.data import DataLoader

    given = calls.Given()
    wanted = np.stack([_Loaded(given)[index] for index in range(12)])
    for workers in (0, 2):
        for threads in (1, 4):
            lm.set_thread_count(threads)
            loader = DataLoader(_Loaded(given), batch_size=4, num_workers=workers, timeout=30 * bool(workers))
            for _ in range(2):
                found = np.concatenate([batch.numpy() for batch in loader])
                assert np.array_equal(found, wanted), (workers, threads)


PROGRAMS: dict[str, Callable[[], None]] = {
    "threads": any_number_of_threads,
    "busy": while_the_parent_computes,
    "first": while_the_parent_computes_for_the_first_time,
    "pools": pools_of_each_method,
    "executors": executors_of_each_method,
    "joblib": scikit_learns_jobs,
    "loaders": workers_of_pytorch,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
