"""Threads of Python that compute at once: with one model, with many, all kinds of calls; the same bits as alone."""

import sys
import threading
from collections.abc import Callable

import calls
import pytest
from programs import run

import latentmim as lm

ROUNDS = 2


@pytest.mark.parametrize("what", ["one", "many", "change"])
def test_threads(what: str) -> None:
    run(__file__, what)


def together(works: list[Callable[[], None]]) -> None:
    """All at once; what one of them raises is raised."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def one_model() -> None:
    """Each thread begins with another call."""
    given = calls.Given()
    wanted = calls.compute()
    names = list(calls.CALLS)

    def work(first: int) -> None:
        for name in names[first:] + names[:first]:
            assert calls.digest(calls.CALLS[name](given)) == wanted[name], name

    together([lambda first=first: work(first) for first in range(0, len(names), len(names) // 4)])


def many_models() -> None:
    wanted = {seed: calls.compute(seed=seed) for seed in range(4)}

    def work(seed: int) -> None:
        for _ in range(ROUNDS):
            found = calls.compute(seed=seed)
            assert found == wanted[seed], sorted(name for name in found if found[name] != wanted[seed][name])

    together([lambda seed=seed: work(seed) for seed in wanted])


def the_number_of_threads_changes() -> None:
    """While others compute."""
    wanted, left = calls.compute(), [2 * ROUNDS]

    def work() -> None:
        try:
            for _ in range(ROUNDS):
                assert calls.compute() == wanted
        finally:
            left[0] -= ROUNDS

    def change() -> None:
        count = 0
        while left[0] > 0:
            count = count % 6 + 1
            lm.set_thread_count(count)
            threading.Event().wait(0.001)

    together([work, work, change])


PROGRAMS = {"one": one_model, "many": many_models, "change": the_number_of_threads_changes}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]]()
