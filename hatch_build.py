"""Builds the Swift core when a wheel is made, and puts it beside the Python files."""

import os
import platform
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED_AS = "latentmim/_latentmim.abi3.so"


class SwiftBuildHook(BuildHookInterface):
    """Runs `swift build`; an editable install gets the library copied into python/latentmim/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library to the wheel and say which Pythons and machines it is for."""
        library = self._build()
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-linux_{platform.machine()}"
        if version == "editable":
            # Written beside and renamed: a running process keeps the file it has mapped.
            place = Path(self.root, "python", SHIPPED_AS)
            beside = place.with_suffix(".new")
            shutil.copy2(library, beside)
            beside.replace(place)
        else:
            build_data["force_include"][str(library)] = SHIPPED_AS

    def _build(self) -> Path:
        command = ["swift", "build", "-c", "release", "--product", "_latentmim"]
        with tempfile.TemporaryDirectory() as packages:
            environment = {**os.environ, "PKG_CONFIG_PATH": self._packages(packages)}
            subprocess.run(command, cwd=self.root, env=environment, check=True)
            show = subprocess.run(
                [*command, "--show-bin-path"],
                cwd=self.root,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            )
        return Path(show.stdout.strip(), "lib_latentmim.so")

    def _packages(self, folder: str) -> str:
        """Where pkg-config looks first: python3.pc of the Python that runs this, and nothing else of that Python's.

        Some distributions of Python come with other versions of the system's libraries.
        """
        python = Path(sysconfig.get_config_var("LIBPC") or "", "python3.pc")
        if python.exists():
            shutil.copy2(python, folder)
        return os.pathsep.join(filter(None, [folder, os.environ.get("PKG_CONFIG_PATH")]))
