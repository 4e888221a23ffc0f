"""A server of notebooks and a headless Chromium, both ended with the program; every wait has an end."""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

PATIENCE = 60


def wait(what: str, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `check` gives as soon as it is true; beyond the time, or where it keeps failing, an error says what for."""
    end, problem = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if found := check():
                return found
        except Exception as error:
            problem = error
        time.sleep(0.1)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}" + (f"; last: {problem}" if problem else ""))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def server(command: list[str], url: str, folder: Path, log: Path) -> Iterator[None]:
    """A server that answers at `url`, with all processes that it starts."""
    import urllib.request

    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:

        def answers() -> bool:
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)

        wait(f"{command[0]} at {url} (its log: {log})", answers)
        yield
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def required(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} is not installed: apt-get install {package}")
    return path


class Browser:
    """Chromium that reaches this machine only: what wanted another host would fail here."""

    def __init__(self, width: int, height: int) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = required("chromium", "chromium")
        for argument in ("--headless=new", "--disable-dev-shm-usage", f"--window-size={width},{height}",
                         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--force-device-scale-factor=1",
                         *(["--no-sandbox"] if os.geteuid() == 0 else [])):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(required("chromedriver", "chromium-driver"))
        self.driver = webdriver.Chrome(options, service)
        self.driver.command_executor.client_config.timeout = PATIENCE + 5
        self.driver.set_page_load_timeout(PATIENCE)
        self.driver.set_script_timeout(PATIENCE)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """Elements, also within the shadow trees that marimo puts widgets into."""
        find = """const found = [];
        const look = root => {
          found.push(...root.querySelectorAll(arguments[0]));
          for (const element of root.querySelectorAll("*")) if (element.shadowRoot) look(element.shadowRoot);
        };
        look(document);
        return found;"""
        return list(self.script(find, selector))

    def one(self, selector: str, index: int = 0) -> WebElement:
        return wait(f"an element {selector}", lambda: [e for e in self.all(selector) if e.is_displayed()][index])

    def click(self, element: WebElement, across: float = 0.5, down: float = 0.5) -> None:
        """Click at shares of an element's width and height."""
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)
        size = element.size
        x, y = round((across - 0.5) * size["width"]), round((down - 0.5) * size["height"])
        ActionChains(self.driver).move_to_element_with_offset(element, x, y).click().perform()

    def leave(self) -> None:
        """Move the pointer off what it hovers over."""
        header = self.driver.find_element(By.CSS_SELECTOR, "#jp-top-panel, body")
        ActionChains(self.driver).move_to_element(header).perform()

    def press(self, element: WebElement, *keys: str) -> None:
        """Focus an element as the keyboard would, and press keys."""
        self.script("arguments[0].focus()", element)
        ActionChains(self.driver).send_keys(*keys).perform()

    def canvas(self, index: int = 0) -> bytes:
        """The picture in a canvas, as PNG."""
        address = self.script("return arguments[0].toDataURL('image/png')", self.one(".lm-explore canvas", index))
        return base64.b64decode(address.partition(",")[2])

    def picture(self, path: Path, element: WebElement | None = None) -> None:
        (self.driver.save_screenshot if element is None else element.screenshot)(str(path))

    def complaints(self) -> list[str]:
        """Errors in the console that speak of the widget."""
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if e["level"] == "SEVERE" and "anywidget" in e["message"].lower()]


__all__ = ["Browser", "By", "free_port", "server", "wait"]
