"""The interpreter ends while threads compute: at once, with the status it was told, and never by a crash."""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import calls
import pytest
from conftest import SMALL, pixels
from PIL import Image
from programs import end_of, run, start_child

import latentmim as lm
from latentmim import _latentmim as _native

CODE = 5


def trainer(images: Any, **options: Any) -> lm.Trainer:
    options = {"epochs": 1000, "batch_size": 8, "workers": 3, "progress": False} | options
    return lm.Trainer(lm.LatentMIM(**SMALL), images, **options)


def train(given: calls.Given) -> None:
    trainer(given.train).fit()


def features(given: calls.Given) -> None:
    while True:
        given.encoder.features(given.images)


def evaluate(given: calls.Given) -> None:
    """With a function of Python that is told how far it is."""
    handles = given.encoder._handle, given.train._handle, given.test._handle
    while True:
        _native.evaluate(*handles, None, lambda *_: None)


LOOPS: dict[str, Callable[[calls.Given], None]] = {"train": train, "features": features, "evaluate": evaluate}


def begin(*loops: Callable[[calls.Given], None]) -> None:
    """Daemon threads, in the midst of it."""
    given = [calls.Given(number) for number in range(len(loops))]
    threads = [threading.Thread(target=loop, args=(own,), daemon=True) for loop, own in zip(loops, given, strict=True)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    if not all(thread.is_alive() for thread in threads):
        os._exit(1)  # what it raised was shown


def main_ends() -> None:
    begin(*LOOPS.values(), train)
    sys.exit(CODE)


def main_ends_at_once() -> None:
    begin(*LOOPS.values())
    os._exit(CODE)


def atexit_computes() -> None:
    given = calls.Given()
    wanted = calls.digest(given.encoder.features(given.images))

    def at_exit() -> None:
        assert calls.digest(given.encoder.features(given.images)) == wanted
        os._exit(CODE)

    atexit.register(at_exit)
    begin(*LOOPS.values())


def batches_are_prefetched() -> None:
    """Also those of a trainer that only the collector of garbage would let go of."""
    left = [trainer(pixels(64, 200, 240), batch_size=16) for _ in range(2)]
    left.append(left)  # type: ignore[arg-type]
    for one in left[:2]:
        next(iter(one))
    sys.exit(CODE)


def files_are_prefetched() -> None:
    folder = Path(sys.argv[2])
    for number, image in enumerate(pixels(16, 300, 400)):
        Image.fromarray(image).save(folder / f"{number}.jpg")
    running = trainer(lm.ImageFolder(folder))
    next(iter(running))
    sys.exit(CODE)


def a_loop_exits() -> None:
    for metrics in trainer(pixels(32)):
        if metrics["step"] == 3:
            sys.exit(CODE)


def progress_exits() -> None:
    given = calls.Given()
    handles = given.encoder._handle, given.train._handle, given.test._handle
    _native.evaluate(*handles, None, lambda *_: sys.exit(CODE))


def terminated_with_a_handler() -> None:
    """What a handler raises ends each long call, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(CODE))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    LOOPS[sys.argv[2]](calls.Given())


def terminated() -> None:
    begin(*LOOPS.values())
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def children_exit() -> None:
    """A child that ends as Python programs do lets go of what its parent's threads work with."""
    running = trainer(pixels(64, 100, 120), batch_size=16)
    next(iter(running))
    begin(*LOOPS.values())
    for _ in range(4):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            sys.exit()
        end_of(child)

    def go_on() -> None:
        with pytest.raises(ValueError, match="made before this process was forked"):
            next(iter(running))

    end_of(start_child(go_on))
    os._exit(CODE)


@pytest.mark.parametrize(
    "what",
    [
        main_ends,
        main_ends_at_once,
        atexit_computes,
        batches_are_prefetched,
        a_loop_exits,
        progress_exits,
        children_exit,
    ],
    ids=lambda what: what.__name__,
)
def test_exit(what: Callable[[], None]) -> None:
    run(__file__, what.__name__, seconds=30, code=CODE)


def test_exit_while_files_are_prefetched(tmp_path: Path) -> None:
    run(__file__, "files_are_prefetched", str(tmp_path), seconds=30, code=CODE)


@pytest.mark.parametrize("loop", LOOPS)
def test_terminated_with_a_handler(loop: str) -> None:
    run(__file__, "terminated_with_a_handler", loop, seconds=30, code=CODE)


def test_terminated() -> None:
    run(__file__, "terminated", seconds=30, code=-signal.SIGTERM)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
