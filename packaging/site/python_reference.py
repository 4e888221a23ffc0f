"""The Python reference: pages of what `reference.toml` lists."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pages import Pages


def groups() -> dict[str, dict[str, Any]]:
    """Title, opening sentence and names (below `latentmim`) of each page."""
    return tomllib.loads(Path(__file__).with_name("reference.toml").read_text("utf-8"))


def add_reference(pages: Pages) -> None:
    """A page for each group, and one that lists them."""
    rows = [
        f"| [{group['title']}]({page}.md) | {' '.join(map(_linked, group['names']))} |"
        for page, group in groups().items()
    ]
    prelude = Path(__file__).with_name("prelude.py").read_text("utf-8").split("\n", 2)[2]
    opening = f"# Python\n\nExamples begin with this:\n\n```python\n{prelude}```\n\n| page | names |\n|---|---|\n"
    pages.write("python/index.md", opening + "\n".join(rows) + "\n")
    for page, group in groups().items():
        entries = [f"::: latentmim.{name}\n" for name in group["names"]]
        pages.write(f"python/{page}.md", f"# {group['title']}\n\n{group['opening']}\n\n" + "\n".join(entries))


def _linked(name: str) -> str:
    module, _, last = name.rpartition(".")
    shown = module if module.rpartition(".")[2] == last else name
    return f"[`{shown}`][latentmim.{name}]"
