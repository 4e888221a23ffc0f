"""Knowledge goes one way: no module of the package imports, for types or within a function, what imports it."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import latentmim as lm

ROOT = Path(lm.__file__).parent


def modules() -> dict[str, Path]:
    """By name; packages have theirs."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that one knows."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in below if name != "latentmim._latentmim"]
        yield from (name for name in names if name in known)


def test_knowledge_goes_one_way() -> None:
    known = modules()
    assert "latentmim.plot.canvas" in known
    graph = {name: set(imported(path, known)) - {name} for name, path in known.items()}
    assert "latentmim.steps" in graph["latentmim.budgets"], "what is imported for types counts"
    TopologicalSorter(graph).prepare()  # raises CycleError, which names a circle
