"""The executed notebooks as pages, with what their cells printed and drew."""

from __future__ import annotations

import base64
import json

from pages import Pages

ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}


def add_notebooks(pages: Pages) -> None:
    """A page for each notebook of docs/notebooks, its pictures beside it."""
    for path in sorted((pages.root / "docs" / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        parts = [_cell(cell, f"{path.stem}-{number}", pages) for number, cell in enumerate(cells)]
        parts.append(f"*Made by `make notebooks` from `examples/notebooks/{path.stem}.py`.*\n")
        pages.write(f"notebooks/{path.stem}.md", "\n".join(parts))


def _cell(cell: dict, name: str, pages: Pages) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source + "\n"
    if not source.strip():
        return ""
    outputs = [_output(output, f"{name}-{number}", pages) for number, output in enumerate(cell["outputs"])]
    return f"```python\n{source}\n```\n\n" + "".join(outputs)


def _output(output: dict, name: str, pages: Pages) -> str:
    data = output.get("data", {})
    for kind, ending in ENDINGS.items():
        if kind in data:
            picture = pages.out / "notebooks" / f"{name}.{ending}"
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(base64.b64decode("".join(data[kind])))
            return f"![What the cell draws]({picture.name})\n\n"
    if "text/markdown" in data:
        return "".join(data["text/markdown"]) + "\n\n"
    text = "".join(output.get("text", data.get("text/plain", "")))
    return f"```text\n{text.rstrip()}\n```\n\n" if text.strip() else ""
