"""What `make install` puts down is what C programs are built with, by pkg-config and by CMake."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from test_examples import RELEASE, ROOT, run

LISTS = """
cmake_minimum_required(VERSION 3.13)
project(client C)
find_package(latentmim {wanted} REQUIRED)
add_executable(client {source})
target_link_libraries(client latentmim::latentmim m)
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed tree."""
    if not (RELEASE / "liblatentmim.so").exists():
        run("swift", "build", "-c", "release", "--product", "latentmim")
    place = tmp_path_factory.mktemp("installed") / "usr"
    run(ROOT / "packaging/install.sh", RELEASE / "liblatentmim.so", PREFIX=str(place))
    return place


def check(program: Path, **environment: str) -> None:
    *_, stopped = run(program, **environment).splitlines()
    assert stopped == "interrupted"


def test_by_pkg_config(prefix: Path, tmp_path: Path) -> None:
    packages = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "latentmim", **packages).split()
    program = tmp_path / "evaluate"
    run("cc", "-std=c11", "-Wall", "-Werror", ROOT / "examples/c/evaluate.c", *flags, "-lm", "-o", program)
    check(program, LD_LIBRARY_PATH=str(prefix / "lib"))
    version = run("pkg-config", "--modversion", "latentmim", **packages).strip()
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not here")
def test_by_cmake(prefix: Path, tmp_path: Path) -> None:
    """Also from a tree that was moved; a version that may have another interface is refused."""
    moved = tmp_path / "moved"
    shutil.copytree(prefix, moved)
    lists = tmp_path / "CMakeLists.txt"
    lists.write_text(LISTS.format(wanted="0.1", source=ROOT / "examples/c/evaluate.c"))
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={moved}")
    run("cmake", "--build", tmp_path / "build")
    check(tmp_path / "build/client")
    for wanted in ("0.0", "0.2", "1.0"):
        lists.write_text(LISTS.format(wanted=wanted, source=ROOT / "examples/c/evaluate.c"))
        command = ["cmake", "-S", tmp_path, "-B", tmp_path / wanted, f"-DCMAKE_PREFIX_PATH={moved}"]
        refused = subprocess.run(command, capture_output=True, text=True)
        assert refused.returncode != 0
        assert "compatible with requested version" in refused.stderr


def test_for_a_package(tmp_path: Path) -> None:
    """DESTDIR stands before all paths and in none of the files; LIBDIR as some distributions have it."""
    run(
        ROOT / "packaging/install.sh", shutil.which("true"), PREFIX="/usr", LIBDIR="/usr/lib64", DESTDIR=str(tmp_path)
    )  # fmt: skip
    placed = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert placed == {
        "usr/include/latentmim.h",
        "usr/lib64/liblatentmim.so",
        "usr/lib64/pkgconfig/latentmim.pc",
        "usr/lib64/cmake/latentmim/latentmim-config.cmake",
        "usr/lib64/cmake/latentmim/latentmim-config-version.cmake",
    }
    named = run("pkg-config", "--variable=libdir", "latentmim", PKG_CONFIG_PATH=str(tmp_path / "usr/lib64/pkgconfig"))
    assert named.strip() == "/usr/lib64"
