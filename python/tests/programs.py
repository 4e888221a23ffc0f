"""Tests that are programs of their own: what they start is ended when their time is up."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def run(program: str, *arguments: str, seconds: float = 60, code: int = 0) -> str:
    """Runs a test's file as a program, with all that it starts in a group of its own; gives its output.

    Fails where it ends in another way than with `code` (negative: a signal's number), or not within `seconds`.
    """
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", program, *arguments]
    process = subprocess.Popen(
        command, cwd=Path(program).parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"{' '.join(arguments)}: not ended after {seconds} s; {process.communicate()[0][-3000:]}")
    assert process.returncode == code, output[-3000:]
    return output


def start_child(body: Callable[[], object], seconds: int = 40) -> int:
    """Forks; the child ends with 0 behind `body`, or is ended when its time is up. Gives its number."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        status = 1
        try:
            body()
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    return child


def end_of(child: int) -> None:
    """Waits for a child, which must have ended well."""
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}"
