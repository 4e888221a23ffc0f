"""One table's measurement: inputs for everybody, the check that all compute the same, then heats in turn."""

from __future__ import annotations

import json
import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import environment
from alternate import Lost, Series, Skipped, Worker, in_turn
from contenders import Contender, Workload, own

PEAK = Contender("machine", "peak", "", {"module": "jobs.library", "kind": "peak"})


@dataclass
class Settings:
    """How contenders run; see run.py's options."""

    other_python: Path
    scratch: Path
    threads: int
    repeats: int
    warm_up: int
    pause: float
    seconds: float = 0.5
    only: str = ""


@dataclass
class Heat:
    """Series of contenders that ran in turn, by (contender, case)."""

    series: dict[tuple[Contender, str], Series] = field(default_factory=dict)


@dataclass
class Comparison:
    """What a workload's heats gave."""

    workload: Workload
    config: dict[str, Any] = field(default_factory=dict)
    heats: list[Heat] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    checked: dict[Contender, str] = field(default_factory=dict)

    def skip(self, contender: Contender, reason: str) -> None:
        """Note why somebody is not in the table, and say so at once."""
        name = f"{contender.name} {contender.precision}".strip()
        if name not in self.skipped:
            say(f"  left out: {name}: {reason}")
        self.skipped[name] = reason


def say(text: str) -> None:
    """Progress, to the standard error."""
    print(text, file=sys.stderr, flush=True)


def compare(workload: Workload, settings: Settings) -> Comparison:
    """Measure one table."""
    comparison = Comparison(workload)
    say(f"{workload.title}")
    folder = settings.scratch / re.sub(r"\W+", "-", workload.title)
    folder.mkdir(parents=True, exist_ok=True)
    if workload.options:
        prepare_inputs(workload, folder, settings)
        comparison.config = json.loads((folder / "config.json").read_text())
    for heat in workload.heats:
        chosen = [c for c in heat if c.is_own or re.search(settings.only, f"{c.name} {c.precision}")]
        if any(not c.is_own for c in chosen):
            comparison.heats.append(run_heat(chosen, comparison, folder, settings))
    return comparison


def prepare_inputs(workload: Workload, folder: Path, settings: Settings) -> None:
    """Weights, images and results to reach, from the library's float32; the encoder as ONNX, from PyTorch."""
    reference = own("float32", "reference")
    start(reference, workload, folder, settings, of=workload.kind).close()
    if any(c.library in ("ONNX Runtime", "OpenVINO") for heat in workload.heats for c in heat):
        export = Contender("PyTorch", "export", "float32", {"module": "jobs.pytorch", "kind": "export"})
        start(export, workload, folder, settings).close()
    quantise(workload, folder, settings)


def quantise(workload: Workload, folder: Path, settings: Settings) -> None:
    """Write the quantised forms of the exported encoder, each in a process of its own so that no memory is counted."""
    for contender in (c for heat in workload.heats for c in heat if c.job.get("quantisation")):
        if re.search(settings.only, f"{contender.name} {contender.precision}"):
            way = {"module": "jobs.quantising", "kind": contender.job["quantisation"]}
            say(f"  quantising: {contender.name}")
            try:
                start(replace(contender, job=way), workload, folder, settings).close()
            except Skipped as reason:
                say(f"  not quantised: {contender.name}: {reason}")


def start(contender: Contender, workload: Workload, folder: Path, settings: Settings, **extra: Any) -> Worker:
    """The contender's process, ready. Raises Skipped."""
    preload = environment.tcmalloc() if contender.tcmalloc else None
    if contender.tcmalloc and not preload:
        raise Skipped("tcmalloc is not installed: apt-get install libtcmalloc-minimal4")
    job = {
        "folder": str(folder),
        "options": workload.options,
        "batch": workload.batch,
        "precision": contender.precision,
        "threads": settings.threads,
        "warm_up": settings.warm_up,
        "seconds": settings.seconds if workload.kind != "products" else settings.seconds / 5,
        "cases": workload.cases,
    }
    python = Path(sys.executable) if contender.library in ("latentmim", "machine") else settings.other_python
    variables = environment.variables(settings.threads, preload)
    worker = Worker(python, job | contender.job | extra, variables, folder / "log")
    if preload and not worker.facts["tcmalloc"]:
        worker.close()
        raise Skipped(f"{preload} could not be preloaded")
    return worker


def run_heat(contenders: list[Contender], comparison: Comparison, folder: Path, settings: Settings) -> Heat:
    """Start all that can take part, and let them run in turn."""
    workload, workers = comparison.workload, {}
    with ExitStack() as running:
        for contender in [PEAK, *contenders]:
            try:
                if contender.is_own and workload.kind == "step":
                    check(contender, comparison, folder, settings)
                worker = start(contender, workload, folder, settings)
                running.callback(worker.close)
                require_same(contender, worker)
                workers[contender] = worker
            except Skipped as reason:
                comparison.skip(contender, str(reason))
        say("  in turn: " + ", ".join(f"{c.name} {c.precision}".strip() for c in workers))
        cases = {c: list(workload.cases) or [""] for c in workers}
        if PEAK in workers:
            cases[PEAK] = workers[PEAK].facts["precisions"]
        return Heat(all_in_turn(workers, cases, comparison, settings))


def all_in_turn(
    workers: dict[Contender, Worker], cases: dict[Contender, list[str]], comparison: Comparison, settings: Settings
) -> dict[tuple[Contender, str], Series]:
    """In turn; whoever breaks down is left out, and the others begin anew."""
    while workers:
        try:
            return in_turn(workers, cases, settings.repeats, settings.pause)
        except Lost as lost:
            comparison.skip(lost.key, str(lost))
            del workers[lost.key]
    return {}


def check(contender: Contender, comparison: Comparison, folder: Path, settings: Settings) -> None:
    """Have the library's loss compared, once, in a process of its own so that no memory is counted. Raises Skipped."""
    if contender not in comparison.checked:
        comparison.checked[contender] = ""
        try:
            worker = start(contender, comparison.workload, folder, settings, check=True)
            worker.close()
            require_same(contender, worker)
        except Skipped as reason:
            comparison.checked[contender] = str(reason)
    if comparison.checked[contender]:
        raise Skipped(comparison.checked[contender])


def require_same(contender: Contender, worker: Worker) -> None:
    """Refuse a contender that computes something else. Raises Skipped."""
    for name in ("error", "gradient_error"):
        found, limit = worker.facts.get(name, 0.0), contender.limit * (10 if name == "gradient_error" else 1)
        if not found <= limit:
            raise Skipped(f"computes something else: {name} {found:.2g}, at most {limit:.2g} is rounding")
