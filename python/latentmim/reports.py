"""What a report of a problem should say: versions, processor, libraries and limits."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any, Literal, overload

from latentmim import _latentmim as _native

__all__ = ["show_config"]

# What is used where it is there, and what brings threads or linear algebra of its own into the process.
PACKAGES = (
    "numpy", "tqdm", "matplotlib", "Pillow", "scipy", "scikit-learn", "av", "anywidget", "ipywidgets", "pyarrow",
    "pydicom", "jax", "torch", "threadpoolctl",
)  # fmt: skip


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print what computes here, to be pasted into a report of a problem; the same as `latentmim --version`.

    Versions of this library, Python and the packages it works with; processor, instruction sets that it has, threads
    and cores; what `precision="auto"` stands for; the limit of memory and what sets it; the libraries behind products
    and decoders. Nothing is changed, and no package is imported for it.

    Args:
        mode: "stdout" prints and returns None, "dicts" returns a dict and prints nothing, as `numpy.show_config` does.

    Raises:
        ValueError: for another mode.

    Examples:
        >>> show_config("dicts")["core"]["version"]
        '0.1.0'

    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode is {mode!r}, wanted 'stdout' or 'dicts'")
    found = _found()
    if mode == "dicts":
        return found
    print("\n".join(lines(found)))
    return None


def lines(found: dict[str, Any]) -> list[str]:
    """The report as lines of text, the first with name and version."""
    core, system = found["core"], found["system"]
    limit = core["memory_limit"]
    others = [name for name in core["instruction_sets"] if name != core["instruction_set"]]
    return [
        f"latentmim {core['version']}",
        f"  module           {found['module']}",
        f"  Python           {found['python']}",
        f"  system           {system['platform']}, {system['libc']}",
        f"  processor        {system['processor']}",
        f"  instruction set  {core['instruction_set']} (also here: {', '.join(others) or 'none'})",
        f"  threads          {core['threads']}, on {system['cores']} cores that this process may use",
        f"  precision        'auto' is {core['precision']!r}",
        f"  memory           {limit['reason']} {limit['bytes'] / 2**30:.1f} GiB",
        *(f"  {name:<17}{version}" for name, version in core["libraries"].items()),
        f"  packages         {', '.join(f'{name} {version}' for name, version in found['packages'].items())}",
        *([f"  environment      {' '.join(f'{k}={v}' for k, v in found['environment'].items())}"]
          if found["environment"] else []),
    ]  # fmt: skip


def _found() -> dict[str, Any]:
    core = json.loads(_native.environment())
    return {
        "core": core,
        "module": _native.__file__,
        "python": f"{platform.python_implementation()} {sys.version.split()[0]}",
        "system": {
            "platform": platform.platform(),
            "libc": " ".join(platform.libc_ver()),
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
        },
        "packages": _packages(),
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(_PREFIXES)},
    }


# Variables that change how this library, OpenBLAS or OpenMP compute.
_PREFIXES = ("LATENTMIM_", "OPENBLAS_", "OMP_", "MKL_")


def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return platform.processor() or platform.machine()
    names = [value.strip() for key, _, value in lines if key.strip() == "model name"]
    return names[0] if names else platform.machine()
