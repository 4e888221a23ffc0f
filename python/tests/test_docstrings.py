"""Every public name has an example, and all examples run, each in a folder of its own."""

import doctest
import inspect
import os
import warnings
from pathlib import Path
from typing import Any

import docstrings
import pytest
from test_public_surface import MODULES, PUBLIC

import latentmim as lm

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHOWN = [lm, *(getattr(lm, name) for name in lm.__all__ if inspect.ismodule(getattr(lm, name)))]
EXAMPLES = {
    test.name: test
    for module in [lm, *MODULES]
    for test in doctest.DocTestFinder(exclude_empty=True).find(module)
    if test.examples
}


def has_example(thing: Any) -> bool:
    return ">>>" in (inspect.getdoc(thing) or "")


@pytest.mark.parametrize("module", SHOWN, ids=lambda module: module.__name__)
def test_every_public_name_has_an_example(module: Any) -> None:
    things = {name: getattr(module, name) for name in module.__all__}
    assert [name for name, thing in things.items() if is_ours(thing) and not has_example(thing)] == []


def is_ours(thing: Any) -> bool:
    # CollapseError is the compiled module's.
    return inspect.isfunction(thing) or (inspect.isclass(thing) and thing is not lm.CollapseError)


def test_methods_have_examples() -> None:
    """Those that users call; properties and what a class's own example shows need none."""
    kinds = (lm.Encoder, lm.LatentMIM, lm.Trainer, lm.Segments, lm.Tracker)
    places = tuple(f"{kind.__module__}.{kind.__name__}." for kind in kinds)
    methods = {name: thing for name, thing in PUBLIC.items() if name.startswith(places) and inspect.isfunction(thing)}
    missing = [name for name, thing in methods.items() if not has_example(thing)]
    assert len(methods) > 20
    assert missing == []


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
