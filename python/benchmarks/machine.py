"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

INTERESTING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16")

ROOT = Path(__file__).resolve().parents[2]

# What a figure can depend on; documents, which it is written into, are none of it.
MEASURED = ("Package.swift", "Sources", "python")


def describe() -> dict[str, str]:
    """Processor, cores, memory, instruction sets that matter here, system."""
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = facts.get("flags", "").split()
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "processor": facts.get("model name", platform.machine()),
        "family": ", ".join(f"{name} {facts.get(name, '?')}" for name in ("cpu family", "model", "stepping")),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "instructions": " ".join(name for name in INTERESTING if name in flags),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "commit": commit(),
    }


def commit() -> str:
    """The commit of the working tree, marked where what is measured differs; "unknown" outside of a checkout."""
    differs = _git("diff", "HEAD", "--name-only", "--", *MEASURED)
    return (_git("rev-parse", "--short=7", "HEAD") or "unknown") + ("-dirty" if differs else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def sentence() -> str:
    """The same as one line of text."""
    facts = describe()
    return "{processor} ({family}), {cores} cores, {memory}, {instructions}; commit {commit}".format(**facts)
