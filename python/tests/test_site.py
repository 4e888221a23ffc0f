"""What the site of the documents is made of: every document, public name and C function has its place there."""

import importlib
import inspect
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import latentmim as lm

ROOT = Path(__file__).parents[2]
SITE = ROOT / "packaging" / "site"
sys.path.insert(0, str(SITE))

pytest.importorskip("latex2mathml", reason="latentmim[test] has it")
import checking  # noqa: E402
import header  # noqa: E402
import notebooks  # noqa: E402
import pages as site_pages  # noqa: E402
import python_reference  # noqa: E402


def listed(entries: Any) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    values = entries.values() if isinstance(entries, dict) else entries
    return [page for value in values for page in listed(value)]


NAV = listed(tomllib.loads((SITE / "zensical.toml").read_text())["project"]["nav"])


def test_every_document_is_in_the_navigation() -> None:
    docs = ROOT / "docs"
    documents = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    documents |= {f"notebooks/{path.stem}.md" for path in docs.rglob("*.ipynb")}
    documents |= {f"python/{page}.md" for page in python_reference.groups()} | {"python/index.md", "c.md", "swift.md"}
    assert set(NAV) == documents | set(site_pages.OUTSIDE.values())
    assert len(NAV) == len(set(NAV))


def test_every_public_name_is_in_the_reference() -> None:
    names = [name for group in python_reference.groups().values() for name in group["names"]]
    assert len(names) == len(set(names))
    there = [look_up(name) for name in names]
    modules = [lm, *(thing for name in lm.__all__ if inspect.ismodule(thing := getattr(lm, name)))]
    things = {f"{module.__name__}.{name}": getattr(module, name) for module in modules for name in module.__all__}
    missing = [name for name, thing in things.items() if is_documented(thing) and thing not in there]
    assert not missing, "packaging/site/reference.toml"
    assert not [thing for thing in there if inspect.ismodule(thing)]
    # What finds sources by name prefers a module to the function of its name.
    assert not [name for name in names if f"latentmim.{name}" in sys.modules]


def look_up(name: str) -> Any:
    *modules, last = name.split(".")
    return getattr(importlib.import_module(".".join(["latentmim", *modules])), last)


def is_documented(thing: Any) -> bool:
    return inspect.isclass(thing) or inspect.isfunction(thing)


def test_every_function_of_the_header_is_on_its_page() -> None:
    text = (ROOT / header.HEADER).read_text()
    page = header.header_page(text)
    names = header.declared(text)
    assert len(names) > 80 and all(f'id="{name}"' in page for name in names)
    assert set(re.findall(r"^// ---- (.+?) -", text, re.M)) == set(re.findall(r"^## (.+)$", page, re.M))
    # Nothing but guards is lost.
    written = set(re.findall(r"\w+", page))
    kept = [line for line in text.splitlines() if not line.startswith(("#", "//", "extern"))]
    assert all(word in written for line in kept for word in re.findall(r"\w+", line))


def test_pages_keep_their_links(tmp_path: Path) -> None:
    made = site_pages.Pages(ROOT, tmp_path)
    made.add_documents()
    notebooks.add_notebooks(made)
    made.write("c.md", "")
    for page in tmp_path.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), (page, target)
    assert (tmp_path / "source/examples/c/pretrain.c.md").read_text().count("#include")
    assert (tmp_path / "notebooks/3_segment.md").read_text().count("![") >= 3


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("[there](docs/page.md)")
    (tmp_path / "docs/page.md").write_text("```\n[in code](nothing.md)\n```\n[up](../README.md#top) [gone](nothing.md)")
    with pytest.raises(SystemExit, match=r"docs/page\.md: nothing\.md"):
        site_pages.Pages(tmp_path, tmp_path / "out").add_documents()


def test_equations_are_mathml() -> None:
    made = site_pages._with_equations("so $`a_i * b`$ is\n\n$$\n\\frac{1}{\\tau}\n$$\n")
    assert made.count("<math") == 2 and "<mfrac>" in made
    assert not set("$*_") & set(made)


def test_what_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">a</h1><a href="one/#there">b</a><a href="one/#gone">c</a><a href="two/">d</a><a href="#__x">e</a>'
        '<script src="https://example.org/x.js"></script><a href="https://example.org">f</a><img src="data:,">'
    )
    (tmp_path / "one" / "index.html").write_text('<h2 id="there">a</h2><a href="..#top">b</a>')
    found = checking.problems(tmp_path)
    assert [line.split(": ")[1] for line in found] == [
        "one/#gone", "two/ leads nowhere", "https://example.org/x.js would be fetched from elsewhere",
    ]  # fmt: skip
