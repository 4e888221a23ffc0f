"""The committed notebooks are their scripts, executed."""

from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path for path in (ROOT / "examples" / "notebooks").glob("*.py") if path.stem != "build")


def test_every_script_is_a_notebook() -> None:
    assert len(SCRIPTS) >= 8
    assert {path.stem for path in SCRIPTS} == {path.stem for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebooks_are_executed_scripts(script: Path) -> None:
    path = ROOT / "docs" / "notebooks" / f"{script.stem}.ipynb"
    assert path.stat().st_size < 1_500_000
    text = path.read_text()
    assert "/root/" not in text and "/home/" not in text
    made, committed = jupytext.read(script), jupytext.read(path)
    assert [cell.source for cell in committed.cells] == [cell.source for cell in made.cells], "make notebooks"
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
