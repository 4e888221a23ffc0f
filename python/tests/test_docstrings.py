"""Every public name has an example, and all examples run, each in a folder of its own."""

import doctest
import importlib
import inspect
import os
import re
import sys
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import docstrings
import pytest
from test_public_surface import MODULES

import latentmim as lm

sys.path.insert(0, str(docstrings.ROOT / "packaging" / "site"))
import python_reference

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHOWN = [lm, *(getattr(lm, name) for name in lm.__all__ if inspect.ismodule(getattr(lm, name)))]
EXAMPLES = {
    test.name: test
    for module in [lm, *MODULES]
    for test in doctest.DocTestFinder(exclude_empty=True).find(module)
    if test.examples
}


def referenced() -> Iterator[tuple[str, Any]]:
    """What the reference's pages show, by name."""
    for group in python_reference.groups().values():
        for name in group["names"]:
            module, _, last = f"latentmim.{name}".rpartition(".")
            yield name, getattr(importlib.import_module(module), last)


REFERENCE = dict(referenced())
# Begin, log, end: one without the others shows nothing.
TOGETHER = ("loggers.Logger", "loggers.Sending")
CLASSES = {name: thing for name, thing in REFERENCE.items() if inspect.isclass(thing)}


def is_ours(thing: Any) -> bool:
    # CollapseError is the compiled module's.
    return inspect.isfunction(thing) or (inspect.isclass(thing) and thing is not lm.CollapseError)


def has_example(thing: Any) -> bool:
    return ">>>" in (inspect.getdoc(thing) or "")


def members(kind: type) -> dict[str, Any]:
    """Public methods and properties, its own and those of bases that have no place in the reference themselves."""
    elsewhere = {thing for thing in CLASSES.values() if thing is not kind}
    bases = [base for base in reversed(kind.__mro__) if base.__module__.startswith("latentmim")]
    bases = [base for base in bases if base not in elsewhere]
    found = {name: value for base in bases for name, value in vars(base).items() if not name.startswith("_")}
    return {name: getattr(value, "__func__", value) for name, value in found.items()}


def code(thing: Any) -> str:
    """What the examples of a docstring run."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))


def test_every_public_name_has_an_example() -> None:
    listed = {f"{module.__name__}.{name}": getattr(module, name) for module in SHOWN for name in module.__all__}
    things = {name: thing for name, thing in (listed | REFERENCE).items() if is_ours(thing)}
    assert len(things) > 150
    assert [name for name, thing in things.items() if not has_example(thing)] == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_method_has_an_example(name: str) -> None:
    """Its own, but where methods follow one another: the class's example has them all then."""
    kind = CLASSES[name]
    written = re.findall(r"(?:def |\.)(\w+)\(", code(kind)) if name in TOGETHER else []
    methods = {member: thing for member, thing in members(kind).items() if inspect.isfunction(thing)}
    assert [member for member, thing in methods.items() if not has_example(thing) and member not in written] == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_property_is_in_an_example(name: str) -> None:
    """Its own, or that of its class, where one that a line explains is used."""
    kind = CLASSES[name]
    used = re.findall(r"\.(\w+)", code(kind))
    found = {member: thing for member, thing in members(kind).items() if isinstance(thing, property | cached_property)}
    assert [member for member, thing in found.items() if not has_example(thing) and member not in used] == []


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    docstrings.fill(folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in filled.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.chdir(tmp_path)
    test = EXAMPLES[name]
    test.globs = {**test.globs, **docstrings.names()}
    written: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=written.append)
    assert found.failed == 0, "".join(written)
    if all(example.options.get(doctest.SKIP) for example in test.examples):
        pytest.skip("needs what tests have not")
    assert os.getcwd() == str(tmp_path)
