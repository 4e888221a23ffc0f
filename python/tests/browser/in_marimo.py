"""The widget in marimo: clicked, and its traits read by another cell."""

import textwrap
from pathlib import Path

from machinery import Browser, free_port, server, wait

APP = """import marimo

app = marimo.App()

@app.cell
def _():
    import marimo as mo
{setup}
    widget = mo.ui.anywidget(explorer)
    return explorer, mo, widget

@app.cell
def _(widget):
    widget
    return

@app.cell
def _(mo, widget):
    mo.md(f"patch is {{widget.value['patch']}} view is {{widget.value['view']}}")
    return
"""


def check(browser: Browser, folder: Path, runtime: Path, cells: list[str], out: Path) -> None:
    (folder / "app.py").write_text(APP.format(setup=textwrap.indent(cells[0], "    ")))
    port = free_port()
    command = ["marimo", "run", "app.py", "--headless", "--no-token", "--host=127.0.0.1", f"--port={port}"]
    url = f"http://127.0.0.1:{port}"
    with server(command, f"{url}/health", folder, runtime / "marimo.log"):
        browser.driver.get(url)
        canvas = browser.one(".lm-explore canvas")
        before = browser.canvas()
        browser.click(canvas, 0.02, 0.02)
        wait("the patch in another cell", lambda: "patch is [0, 0, 0]" in text(browser) or "(0, 0, 0)" in text(browser))
        wait("another picture", lambda: browser.canvas() != before)
        browser.click(browser.one("[data-view=segments]"))
        wait("the view in another cell", lambda: "view is segments" in text(browser))
        wait("segments", lambda: "segment " in browser.one(".lm-status").text)
        browser.picture(out / "marimo.png")


def text(browser: Browser) -> str:
    return str(browser.script("return document.body.innerText"))
