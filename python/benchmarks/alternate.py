"""Contenders as processes of their own, one repetition at a time, strictly in turn."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
TICK = os.sysconf("SC_CLK_TCK")

BUSY = 0.05
"""The share of the machine taken by other programs from which on a turn counts as disturbed."""


class Skipped(Exception):
    """A contender cannot take part; the text says why."""


class Lost(Skipped):
    """A contender broke down in its turn."""

    def __init__(self, key: Any, reason: Exception) -> None:
        super().__init__(str(reason))
        self.key = key


class Worker:
    """A contender's process, ready and asleep. Raises Skipped where it cannot be made ready."""

    def __init__(self, python: Path, job: dict[str, Any], variables: dict[str, str], log: Path) -> None:
        self.log = log
        with open(log, "a") as errors:
            self.process = subprocess.Popen(
                [python, WORKER, json.dumps(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=variables,
                text=True,
                bufsize=1,
            )
        try:
            ready = self._answer()
        except BaseException:
            self.close()
            raise
        self.facts: dict[str, Any] = ready["facts"]
        self.memory: int = ready["memory"]

    def repeat(self, case: str = "") -> dict[str, Any]:
        """One repetition: seconds of an execution, and `foreign`, the share of the machine that others took."""
        assert self.process.stdin
        start, busy, used = time.perf_counter(), _busy(), self._used()
        self.process.stdin.write(json.dumps({"case": case}) + "\n")
        answer = self._answer()
        others = (_busy() - busy) - (self._used() - used)
        wall = time.perf_counter() - start
        self.memory = answer["memory"]
        return answer | {"foreign": max(0.0, others / wall / (os.cpu_count() or 1))}

    def close(self) -> None:
        """End the process."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise Skipped(f"ended with status {self.process.wait()}; see {self.log}")
        answer: dict[str, Any] = json.loads(line)
        if "skip" in answer:
            raise Skipped(answer["skip"])
        return answer

    def _used(self) -> float:
        """Processor seconds of the process."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def _busy() -> float:
    """Processor seconds that this machine has worked, or was kept from working by its host."""
    user, nice, system, _, _, interrupts, soft, stolen = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, interrupts, soft, stolen))) / TICK


@dataclass
class Series:
    """What one contender's repetitions gave: seconds, values it measured itself, foreign shares, peak memory."""

    facts: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    foreign: list[float] = field(default_factory=list)
    memory: int = 0

    def add(self, answer: dict[str, Any]) -> None:
        """One repetition more."""
        self.seconds.append(answer["seconds"])
        self.foreign.append(answer["foreign"])
        self.memory = max(self.memory, answer["memory"])
        if answer["value"] is not None:
            self.values.append(answer["value"])


def in_turn(workers: dict[Any, Worker], cases: dict[Any, list[str]], repeats: int, pause: float) -> dict[Any, Series]:
    """Repeat A, B, …, A, B, …: (contender, case) → series. Before each turn all threads may go to sleep.

    Rounds in which other programs disturbed a turn are repeated, at most twice as many as asked for; the quietest stay.
    """
    turns = [(key, case) for key in workers for case in cases[key]]
    # Case by case, so that what is compared lies together in time.
    turns.sort(key=lambda turn: cases[turn[0]].index(turn[1]))
    rounds: list[dict[Any, dict[str, Any]]] = []
    while len(rounds) < 3 * repeats and sum(_disturbance(done) <= BUSY for done in rounds) < repeats:
        answers = {}
        for key, case in turns:
            time.sleep(pause)
            try:
                answers[key, case] = workers[key].repeat(case)
            except (Skipped, BrokenPipeError) as reason:
                raise Lost(key, reason) from None
        rounds.append(answers)
    series = {turn: Series(workers[turn[0]].facts) for turn in turns}
    for answers in sorted(rounds, key=_disturbance)[:repeats]:
        for turn, answer in answers.items():
            series[turn].add(answer)
    return series


def _disturbance(answers: dict[Any, dict[str, Any]]) -> float:
    """The largest share of the machine that others took during a turn of the round."""
    return max((answer["foreign"] for answer in answers.values()), default=0.0)
