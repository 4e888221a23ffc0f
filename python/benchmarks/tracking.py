"""Tracking at 480p by DINO's protocol, features included, against PyTorch: frames a second and peak memory.

Contenders run in processes of their own, strictly in turn, after they have been shown to compute the same.

    python python/benchmarks/tracking.py --write-docs
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import documents
import environment
import machine
from alternate import Series, Worker, in_turn
from run import DOCUMENT

# Tracking has no use for the projector, and PyTorch's model has none: a narrow one, so that memory is compared fairly.
OPTIONS: dict[str, Any] = {"size": "vit_small", "grid": (30, 52), "projector_width": 64}
CONTENDERS: dict[str, dict[str, Any]] = {
    "latentmim float32": {"module": "jobs.tracking_library", "precision": "float32"},
    "latentmim bf16": {"module": "jobs.tracking_library", "precision": "bf16"},
    "PyTorch float32": {"module": "jobs.tracking_pytorch", "precision": "float32", "mode": "eager"},
    "PyTorch float32, SDPA": {"module": "jobs.tracking_pytorch", "precision": "float32", "mode": "sdpa"},
    "PyTorch bf16 autocast, SDPA": {"module": "jobs.tracking_pytorch", "precision": "bf16", "mode": "sdpa"},
}
# By then the context is full.
WARM_UP = 9


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each contender (default: 5)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between turns, for threads to fall asleep")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--environment", type=Path, default=environment.FOLDER / ".venv", help="of the others")
    parser.add_argument("--python", type=Path, help="an interpreter with PyTorch, instead of the environment's")
    parser.add_argument("--write-docs", action="store_true", help=f"write the table into {DOCUMENT.name}")
    return parser.parse_args()


def measure(arguments: argparse.Namespace, folder: str) -> dict[str, Series]:
    """All contenders, in turn."""
    other = arguments.python or environment.python(arguments.environment)
    variables = environment.variables(arguments.threads, None)
    common = {"folder": folder, "threads": arguments.threads, "options": OPTIONS, "kind": "track", "seconds": 2}

    def start(job: dict[str, Any]) -> Worker:
        python = Path(sys.executable) if job["module"] == "jobs.tracking_library" else other
        return Worker(python, common | {"warm_up": WARM_UP} | job, variables, Path(folder, "log"))

    start({"module": "jobs.tracking_library", "kind": "reference", "warm_up": 0}).close()
    with ExitStack() as running:
        workers = {}
        for name, job in CONTENDERS.items():
            workers[name] = start(job)
            running.callback(workers[name].close)
        return in_turn(workers, {name: [""] for name in workers}, arguments.repeats, arguments.pause)


def table(measured: dict[Any, Series]) -> str:
    """Markdown."""
    series = {name: found for (name, _), found in measured.items()}
    lines = [
        "| | frames/s (median; min … max) | latentmim is | peak memory | latentmim takes | labels that differ |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in series.items():
        rates = sorted(1 / seconds for seconds in found.seconds)
        own = series["latentmim bf16" if "bf16" in name else "latentmim float32"]
        ratio = statistics.median(b / a for a, b in zip(own.seconds, found.seconds, strict=True))
        against = ["–", "–"] if own is found else [f"{ratio:.2f} ×", f"{own.memory / found.memory:.2f} ×"]
        cells = [
            name, f"{statistics.median(rates):.2f} ({rates[0]:.2f} … {rates[-1]:.2f})", against[0],
            f"{found.memory / 2**30:.2f} GiB", against[1], f"{found.facts['error']:.2%}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory(prefix="latentmim-tracking-") as folder:
        text = table(measure(arguments, folder))
    conditions = (
        f"    {documents.command()}\n\n{machine.sentence()}; {arguments.threads} threads each; "
        f"{arguments.repeats} turns after {WARM_UP} frames to warm up.\n\n"
        f"**480×854 pixels, ViT-S/16 at 480×832, preset `dino`, two objects**"
    )
    print(text)
    if arguments.write_docs:
        documents.replace(DOCUMENT, "tracking", f"{conditions}\n\n{text}")


if __name__ == "__main__":
    main()
