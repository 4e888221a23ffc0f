"""The examples and the README's code, run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / ".build" / "release"


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    """What a command prints; a failure shows it."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def check_example(printed: str) -> None:
    """Ten steps whose losses leave chance behind, then a map of three segments."""
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", printed)]
    chance = float(re.findall(r"chance ([\d.]+)", printed)[0])
    assert len(losses) == 10
    assert losses[-1] < losses[0] < 1.3 * chance
    labels = [line.split() for line in printed.splitlines() if re.fullmatch(r"\d( \d)+", line)]
    assert len(labels) == 6 and all(len(row) == 6 for row in labels)
    assert {label for row in labels for label in row} == {"0", "1", "2"}


def test_c(tmp_path: Path) -> None:
    """The C client compiles without a warning against the header and the library alone."""
    if not (RELEASE / "liblatentmim.so").exists():
        run("swift", "build", "-c", "release", "--product", "latentmim")
    program = tmp_path / "pretrain"
    run(
        "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", ROOT / "examples/c/pretrain.c",
        "-I", ROOT / "Sources/CLatentMIM/include", "-L", RELEASE, "-llatentmim", "-o", program,
    )  # fmt: skip
    check_example(run(program, tmp_path / "model.safetensors", LD_LIBRARY_PATH=str(RELEASE)))
    assert "lm_" in run("nm", "-D", "--defined-only", RELEASE / "liblatentmim.so")


def test_c_evaluation(tmp_path: Path) -> None:
    """Features of one's own, scored from C."""
    if not (RELEASE / "liblatentmim.so").exists():
        run("swift", "build", "-c", "release", "--product", "latentmim")
    program = tmp_path / "evaluate"
    run(
        "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", ROOT / "examples/c/evaluate.c",
        "-I", ROOT / "Sources/CLatentMIM/include", "-L", RELEASE, "-llatentmim", "-lm", "-o", program,
    )  # fmt: skip
    progress, report, stopped = run(program, LD_LIBRARY_PATH=str(RELEASE)).splitlines()
    assert stopped == "interrupted"
    assert progress.startswith("linear: ")
    results = json.loads(report)["results"]
    assert [result["protocol"] for result in results] == ["knn", "linear"]
    assert results[0]["accuracy"] > 0.8
    assert results[0]["tap"] == "noisy sines"


def test_swift(tmp_path: Path) -> None:
    """The Swift client, by `import LatentMIM`."""
    check_example(run("swift", "run", "latentmim-example", tmp_path / "model.safetensors"))


def test_both_clients_compute_the_same(tmp_path: Path) -> None:
    """C and Swift go through one core: the same weights, bit by bit."""
    test_c(tmp_path)
    first = (tmp_path / "model.safetensors").read_bytes()
    test_swift(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == first


def test_readme(tmp_path: Path) -> None:
    """The README's Python code, copied literally, in a folder that holds the examples."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code) == 4
    script = tmp_path / "readme.py"
    script.write_text("\n".join(code))
    run(sys.executable, script, cwd=tmp_path)
    assert (tmp_path / "segments.png").stat().st_size > 10_000
    assert (tmp_path / "runs/first/encoder.safetensors").exists()


def test_start(tmp_path: Path) -> None:
    """The first page's Python code, for two epochs."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs/start.md").read_text(), re.DOTALL)
    assert len(code) == 3
    script = tmp_path / "start.py"
    script.write_text("\n".join(code).replace("epochs=20", "epochs=2"))
    assert "| nn | raw pixels, 8×8 | 28 images |" in run(sys.executable, script, cwd=tmp_path)
    for name in ("history.png", "segments.png", "photos.csv", "runs/first/pictures/history.png"):
        assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    "arguments", [["--data", "examples/photographs/held-out"], []], ids=["own photographs", "offline"]
)
def test_demo(tmp_path: Path, arguments: list[str]) -> None:
    """The demo on own photographs, and where nothing can be fetched."""
    printed = run(
        sys.executable, "examples/demo.py", "--minutes", "0.02", "--out", tmp_path / "demo", *arguments,
        XDG_CACHE_HOME=str(tmp_path), PIP_INDEX_URL="file:///nowhere", PIP_EXTRA_INDEX_URL="", PIP_NO_INDEX="1",
    )  # fmt: skip
    assert ("cannot be fetched" in printed) == (not arguments)
    assert ("trained encoder" in printed) == (not arguments)
    for name in ("config.json", "metrics.jsonl", "checkpoints/last.safetensors", "pictures/history.png"):
        assert (tmp_path / "demo" / name).exists()
    assert len(list((tmp_path / "demo/pictures").glob("*.png"))) >= 3
