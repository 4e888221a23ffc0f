"""The widget in JupyterLab: clicked, slid, driven by keys and from Python."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jupyter_client
from machinery import Browser, free_port, server, wait
from PIL import Image
from selenium.webdriver.common.keys import Keys

TOKEN = "browser-test"


def notebook(cells: list[str]) -> str:
    return json.dumps({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
        "cells": [{"cell_type": "code", "id": f"cell{i}", "metadata": {}, "outputs": [], "execution_count": None,
                   "source": source} for i, source in enumerate(cells)],
    })  # fmt: skip


@contextmanager
def lab(folder: Path, runtime: Path) -> Iterator[str]:
    """JupyterLab over a folder: its address."""
    settings = runtime / "settings"
    # Otherwise it asks whether to fetch news, in front of the notebook.
    news = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
               f"--ServerApp.root_dir={folder}", f"--LabApp.user_settings_dir={settings}"]  # fmt: skip
    with server(command, f"{url}/api?token={TOKEN}", folder, runtime / "lab.log"):
        yield url


class Kernel:
    """The kernel that the open notebook runs in, asked from here."""

    def __init__(self, browser: Browser, runtime: Path) -> None:
        identity = browser.script("return window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
        self.client = jupyter_client.BlockingKernelClient(connection_file=str(runtime / f"kernel-{identity}.json"))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def run(self, code: str) -> None:
        reply = self.client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{code}: {reply['content']}")

    def value(self, expression: str) -> Any:
        """What an expression is in the kernel, as JSON."""
        code = {"value": f"__import__('json').dumps({expression})"}
        identity = self.client.execute("", user_expressions=code)
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == identity:
                break
        found = reply["content"]["user_expressions"]["value"]
        if found["status"] != "ok":
            raise RuntimeError(f"{expression}: {found}")
        return json.loads(found["data"]["text/plain"][1:-1])

    def becomes(self, expression: str, wanted: Any) -> None:
        try:
            wait(expression, lambda: self.value(expression) == wanted, 20)
        except TimeoutError:
            raise AssertionError(f"{expression} is {self.value(expression)}, wanted {wanted}") from None


def open_notebook(browser: Browser, url: str, name: str) -> None:
    browser.driver.get(f"{url}/lab/tree/{name}?token={TOKEN}&reset")
    idle = "return window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    wait("the notebook's kernel", lambda: browser.script(idle))
    browser.script("window.jupyterapp.shell.collapseLeft()")


def run_all(browser: Browser) -> None:
    browser.script("return window.jupyterapp.commands.execute('notebook:run-all-cells')")
    shown = wait("the widget", lambda: browser.all(".lm-explore canvas, .jp-OutputArea-output[data-mime-type$=error]"))
    if problem := browser.all(".jp-OutputArea-output[data-mime-type$=error]"):
        raise AssertionError(f"a cell failed: {problem[0].text}")
    wait("the canvas", lambda: shown[0].is_displayed())


def check_clicking(browser: Browser, kernel: Kernel, grid: tuple[int, int]) -> None:
    """A click on a patch is the trait `patch` in Python and a new picture."""
    rows, columns = grid
    before = browser.canvas()
    wanted = [rows // 4, columns - 2]
    browser.click(browser.one(".lm-explore canvas"), (wanted[1] + 0.5) / columns, (wanted[0] + 0.5) / rows)
    kernel.becomes("explorer.patch", [0, *wanted])
    wait("another picture", lambda: browser.canvas() != before)
    text = f"row {wanted[0]}, column {wanted[1]}: similarity 1.00"
    wait(f"'{text}'", lambda: text in browser.one(".lm-status").text)


def check_sliders(browser: Browser, kernel: Kernel, depth: int) -> None:
    before = browser.canvas()
    browser.click(browser.one("[data-trait=threshold]"), 0.9)
    wait("a higher threshold", lambda: kernel.value("explorer.threshold") > 0.7)
    wait("another picture", lambda: browser.canvas() != before)
    before = browser.canvas()
    browser.press(browser.one("[data-trait=layer]"), Keys.ARROW_LEFT)
    kernel.becomes("explorer.layer", depth - 1)
    browser.click(browser.one("[data-trait=threshold]"), 0.5)
    wait("another picture", lambda: browser.canvas() != before)
    browser.click(browser.one("[data-trait=opacity]"), 0.02)
    wait("little opacity", lambda: kernel.value("explorer.opacity") < 0.1)
    browser.press(browser.one("[data-trait=layer]"), Keys.END)
    kernel.becomes("explorer.layer", depth)


def check_views(browser: Browser, kernel: Kernel) -> None:
    kernel.run("explorer.opacity = 0.75")
    before = browser.canvas()
    browser.click(browser.one("[data-view=segments]"))
    kernel.becomes("explorer.view", "segments")
    wait("segments", lambda: browser.canvas() != before and "segment " in browser.one(".lm-status").text)
    before = browser.canvas()
    browser.press(browser.one("[data-trait=segments]"), Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    kernel.becomes("explorer.segments", 8)
    kernel.becomes("max(int(labels.max()) for labels in explorer.patch_labels)", 7)
    wait("more segments", lambda: browser.canvas() != before)
    before = browser.canvas()
    browser.click(browser.one("[data-view=pca]"))
    wait("components", lambda: browser.canvas() != before and "components" in browser.one(".lm-status").text)
    browser.click(browser.one("[data-view=similarity]"))
    kernel.becomes("explorer.view", "similarity")


def check_keys(browser: Browser, kernel: Kernel) -> None:
    """Arrow keys move the patch, not the notebook's cells."""
    active = "return window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    before, (image, row, column) = browser.script(active), kernel.value("explorer.patch")
    browser.press(browser.one(".lm-explore canvas"), Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    kernel.becomes("explorer.patch", [image, row + 1, column - 1])
    assert browser.script(active) == before, "an arrow key moved the notebook's cells, too"


def check_from_python(browser: Browser, kernel: Kernel) -> None:
    kernel.run("explorer.patch = 1, 2")
    wait("the patch set in Python", lambda: "row 1, column 2" in browser.one(".lm-status").text)
    kernel.run("explorer.threshold = 0.25")
    wait("the threshold", lambda: browser.one("[data-trait=threshold]").get_property("value") == "0.25")


def check_errors(browser: Browser, kernel: Kernel) -> None:
    """An error in a user's observer is shown; the next click clears it."""
    kernel.run("def complain(change): raise RuntimeError('from the observer')\nexplorer.observe(complain, 'patch')")
    browser.click(browser.one(".lm-explore canvas"), 0.7, 0.7)
    wait("the error", lambda: "RuntimeError: from the observer" in browser.one(".lm-error").text)
    assert not browser.all(".lm-explore[aria-busy]")
    kernel.run("explorer.unobserve(complain, 'patch')")
    browser.click(browser.one(".lm-explore canvas"), 0.3, 0.6)
    wait("no error any more", lambda: not any(element.is_displayed() for element in browser.all(".lm-error")))


def check_several(browser: Browser, kernel: Kernel, count: int) -> None:
    """A patch of one image is compared with those of all; images are told apart."""
    wait(f"{count} images", lambda: len(browser.all(".lm-explore canvas")) == count)
    kernel.run("explorer.threshold = 0.1")
    wait("the threshold", lambda: browser.one("[data-trait=threshold]").get_property("value") == "0.1")
    before = [browser.canvas(index) for index in range(count)]
    browser.click(browser.one(".lm-explore canvas", 1), 0.4, 0.6)
    wait("a patch of the second image", lambda: kernel.value("explorer.patch")[0] == 1)
    wait("other pictures", lambda: all(browser.canvas(index) != old for index, old in enumerate(before)))
    wait("its frame", lambda: "lm-current" in browser.all(".lm-explore figure")[1].get_attribute("class"))
    kernel.run("explorer.view = 'segments'")
    wait("segments", lambda: "segment " in browser.one(".lm-status").text)


def check_twice_and_another(browser: Browser, kernel: Kernel) -> None:
    """Two displays of a widget follow each other; another widget stays as it is."""
    wait("three displays", lambda: len(browser.all(".lm-explore canvas")) == 3)
    before = [browser.canvas(index) for index in range(3)]
    browser.click(browser.one(".lm-explore canvas", 1), 0.1, 0.9)
    wait("the first display", lambda: browser.canvas(0) != before[0])
    assert browser.canvas(2) == before[2], "another widget followed"
    assert kernel.value("other.patch != explorer.patch")


def check_restart(browser: Browser, picture: Path) -> None:
    """A notebook whose kernel is new, and one that is opened again, shows the widget or a text in its place."""
    browser.script("return window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    browser.script("return window.jupyterapp.commands.execute('docmanager:save')")
    browser.driver.refresh()
    wait("the notebook", lambda: len(browser.all(".jp-CodeCell")) == 4)
    wait("something in the widget's place", lambda: browser.one(".jp-OutputArea-output").text)
    browser.picture(picture)


def shown(browser: Browser) -> Image.Image:
    """The widget as it looks."""
    return Image.open(io.BytesIO(browser.one(".lm-explore").screenshot_as_png)).convert("RGB")


def set_theme(browser: Browser, name: str) -> None:
    browser.script("return window.jupyterapp.commands.execute('apputils:change-theme', {theme: arguments[0]})", name)
    dark = "true" if name.endswith("Light") else "false"
    wait(name, lambda: browser.script("return document.body.dataset.jpThemeLight") == dark)
