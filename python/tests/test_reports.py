"""What a report of a problem says."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import latentmim as lm
from latentmim import _latentmim as native
from latentmim import runtime
from latentmim.data.images import formats


def test_as_a_dict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    found = lm.show_config("dicts")
    assert capsys.readouterr().out == ""
    core = found["core"]
    assert core == json.loads(native.environment())
    assert core["version"] == lm.__version__
    assert core["threads"] == lm.thread_count()
    assert core["instruction_set"] in core["instruction_sets"]
    assert core["instruction_sets"][0] == "portable"
    assert core["precision"] in runtime.precisions()
    assert 2**28 < core["memory_limit"]["bytes"] < 2**50
    assert found["packages"]["numpy"] == np.__version__
    assert found["system"]["cores"] == len(os.sched_getaffinity(0))
    assert found["environment"]["OPENBLAS_CORETYPE"] == "Haswell"


def test_libraries_have_versions() -> None:
    libraries = lm.show_config("dicts")["core"]["libraries"]
    assert libraries.keys() == {"products", "JPEG", "PNG", "WebP", "TIFF"} <= {"products", *formats()}
    assert re.match(r"OpenBLAS \d+\.\d+\.\d+ ", libraries["products"])
    assert re.fullmatch(r"libjpeg-turbo \d+\.\d+(\.\d+)*", libraries["JPEG"])
    assert re.fullmatch(r"libpng 1\.\d+\.\d+, libdeflate 1\.\d+", libraries["PNG"])
    assert re.fullmatch(r"libwebp \d+\.\d+\.\d+", libraries["WebP"])
    assert re.fullmatch(r"libtiff 4\.\d+\.\d+", libraries["TIFF"])


def test_it_follows_what_is_set() -> None:
    """In a process of its own: the instruction set is the whole process's."""
    code = (
        "import latentmim as lm; lm.runtime.set_instruction_set('portable'); lm.set_thread_count(3); lm.show_config()"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^  instruction set  portable \(also here: ", printed, re.M)
    assert re.search(r"^  threads          3, on \d+ cores", printed, re.M)
    assert re.search(r"^  precision        'auto' is 'float32'$", printed, re.M)
    assert printed.splitlines()[0] == f"latentmim {lm.__version__}"


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode is 'yaml', wanted 'stdout' or 'dicts'"):
        lm.show_config("yaml")
