"""Make the notebooks of docs/notebooks from the scripts beside this file, executed.

    make notebooks                                  # all
    make notebooks NOTEBOOKS="3_segment 4_track" DINOV2=dinov2_vits14.safetensors CLIP=clip.mp4

Scripts are in Jupytext's percent format: any editor opens them as notebooks, and their differences can be read.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "docs" / "notebooks"
# Seconds that a cell may take.
PATIENCE = 900
# Characters of a picture from which it is stored as JPEG: photographs as PNG make files of megabytes.
LARGE = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of scripts, without .py (default: all)")
    names = parser.parse_args().names or sorted(path.stem for path in HERE.glob("*.py") if path.stem != "build")
    for name in names:
        start = time.monotonic()
        notebook = execute(HERE / f"{name}.py")
        (OUT / f"{name}.ipynb").write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        size = (OUT / f"{name}.ipynb").stat().st_size
        print(f"docs/notebooks/{name}.ipynb: {time.monotonic() - start:.0f} s, {size / 1e3:.0f} kB", flush=True)
    return 0


def execute(script: Path) -> nbformat.NotebookNode:
    """A script as a notebook with its outputs, run in the folder of the project.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = jupytext.read(script)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    # Bars of tqdm would be a line for each of their states.
    os.environ.setdefault("TQDM_DISABLE", "1")
    place = {"metadata": {"path": ROOT}}
    nbclient.NotebookClient(
        notebook, timeout=PATIENCE, kernel_name="python3", resources=place, coalesce_streams=True
    ).execute()
    for number, cell in enumerate(notebook.cells):
        # Random in Jupytext and nbclient; the same script is to give the same file.
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            shrink(output.get("data", {}))
            if "text" in output:
                output.text = plain(output.text)
    return notebook


def plain(text: str) -> str:
    """What a cell prints, without progress bars and without the name of somebody's home."""
    lines = [line.rpartition("\r")[2] for line in text.replace(str(Path.home()), "~").splitlines(keepends=True)]
    return "".join(line for line in lines if "%|" not in line)


def shrink(data: dict[str, str]) -> None:
    """Store a large picture of an output as JPEG."""
    if len(data.get("image/png", "")) < LARGE:
        return
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(data.pop("image/png"))))
    picture.convert("RGB").save(file, "jpeg", quality=85, optimize=True)
    data["image/jpeg"] = base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
