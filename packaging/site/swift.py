"""The Swift reference by DocC, from what the compiler says of the built modules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# In the order a reader meets them.
MODULES = ["LatentMIM", "Evaluation", "Segmentation", "Images", "Networks", "Tensors", "Files", "Compute"]
ROOMS_OF_C = ["COpenBLAS", "CDeflate", "CJPEG", "CPNG", "CTIFF", "CWebP", "CKernels", "CImageCodecs"]


def add_swift(root: Path, build: Path, work: Path, out: Path, base: str) -> None:
    """Write the reference to `out`, to be served at the path `base`; `build` holds the modules of a build.

    Raises:
        FileExistsError: something is at `out`, which DocC would replace.
        subprocess.CalledProcessError: a tool refuses; it has said why.
    """
    if out.exists():
        raise FileExistsError(f"{out}: the Swift reference would replace it")
    graphs, catalog = work / "symbols", work / "Swift.docc"
    for folder in (graphs, catalog):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    seen = [f"-I{build}/Modules", f"-I{build}"]
    seen += [f"-I{root}/Sources/{room}{part}" for room in ROOMS_OF_C for part in ("", "/include")]
    target = subprocess.run(["swift", "-print-target-info"], capture_output=True, text=True, check=True).stdout
    triple = target.partition('"triple": "')[2].partition('"')[0]
    for module in MODULES:
        command = ["swift", "symbolgraph-extract", "-module-name", module, "-target", triple, "-output-dir", graphs]
        command += ["-minimum-access-level", "public", "-skip-synthesized-members", *seen]
        subprocess.run(command, check=True)
    links = "\n".join(f"- ``/{module}``" for module in MODULES)
    text = "# Swift\n\n@Metadata {\n  @TechnologyRoot\n}\n\nThe modules of the package.\n\n## Topics\n\n### Modules\n\n"
    (catalog / "Swift.md").write_text(text + links + "\n", encoding="utf-8")
    command = ["docc", "convert", catalog, "--additional-symbol-graph-dir", graphs, "--output-path", out]
    command += ["--fallback-display-name", "Swift", "--fallback-bundle-identifier", "latentmim"]
    command += ["--transform-for-static-hosting", "--hosting-base-path", base, "--diagnostic-level", "error"]
    subprocess.run(command, check=True)
    # Its pages ask for one, and a server would log that there is none.
    (out / "theme-settings.json").write_text("{}\n", encoding="utf-8")
