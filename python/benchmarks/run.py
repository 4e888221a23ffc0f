"""The library against PyTorch, ONNX Runtime and OpenVINO on this machine: `make bench`.

Contenders run in processes of their own, strictly in turn, after they have been shown to compute the same.

    python python/benchmarks/run.py --rows step,features --json bench.json --write-docs
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import documents
import environment
import imports
import machine
import report
from alternate import Skipped
from compare import Settings, compare, say
from contenders import workloads

ROWS = ("step", "features", "small", "products", "import", "photographs")
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="which tables, with commas (default: all)")
    parser.add_argument("--only", default="", metavar="REGEX", help="of the others, only those whose name it matches")
    parser.add_argument("--title", default="", metavar="TEXT", help="only tables whose title contains it, e.g. ViT-S")
    parser.add_argument("--quick", action="store_true", help="3 turns; no ViT-B, no torch.compile, no tcmalloc")
    parser.add_argument("--repeats", type=int, help="turns of each contender (default: 5, or 3 with --quick)")
    parser.add_argument("--warm-up", type=int, default=2, help="executions before the first turn (default: 2)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between turns, for threads to fall asleep")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--environment", type=Path, default=environment.FOLDER / ".venv", help="of the others")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--write-docs", action="store_true", help=f"write the tables into {DOCUMENT.name}")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows.split(",")
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"--rows: {', '.join(sorted(unknown))}: wanted some of {', '.join(ROWS)}")
    arguments.repeats = arguments.repeats or (3 if arguments.quick else 5)
    return arguments


def conditions(arguments: argparse.Namespace) -> str:
    """Command and machine, to stand beside the figures."""
    hidden = ", ".join(sorted(environment.forced())) or "none was set"
    return (
        f"    {documents.command()}\n\n{machine.sentence()}; {arguments.threads} threads each, "
        f"OMP_NUM_THREADS the same, KMP_BLOCKTIME and everything else at its default (variables that force kernels or "
        f"threads are unset for all: {hidden}); {arguments.repeats} turns after {arguments.warm_up} executions "
        "to warm up."
    )


def main() -> int:
    arguments = parsed()
    others = environment.python(arguments.environment)
    if not environment.tcmalloc() and not arguments.quick:
        say("tcmalloc is not installed, contenders with it are left out: apt-get install libtcmalloc-minimal4")
    tables: dict[str, str] = {}
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="latentmim-bench-") as scratch:
        settings = Settings(
            others,
            Path(scratch),
            arguments.threads,
            arguments.repeats,
            arguments.warm_up,
            arguments.pause,
            only=arguments.only,
        )
        for workload in workloads(arguments.quick):
            if workload.row in arguments.rows and arguments.title in workload.title:
                try:
                    comparison = compare(workload, settings)
                except Skipped as reason:
                    say(f"{workload.title}: no table: {reason}")
                    continue
                tables[workload.mark] = report.table(comparison)
                measured.append(report.as_json(comparison))
                print(f"\n{tables[workload.mark]}\n", flush=True)
    if "import" in arguments.rows:
        seconds = imports.measure(3 * arguments.repeats, arguments.threads)
        tables["import"] = imports.table(seconds)
        measured.append({"row": "import", "seconds": seconds})
        print(f"\n{tables['import']}\n")
    if arguments.json:
        facts = {"command": sys.argv, "machine": machine.describe(), "threads": arguments.threads}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(facts | {"unset": environment.forced(), "tables": measured}, indent=1))
    if arguments.write_docs:
        for mark, text in tables.items():
            documents.replace(DOCUMENT, mark, f"{conditions(arguments)}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
