"""Build the site of the documents: `make docs`.

    python packaging/site/build.py --out site --swift-build .build/release

Pages are made below `.build-site`, Zensical makes HTML of them, DocC the Swift reference. The build fails for what it
warns of, for a link, an anchor or a cross reference that leads nowhere, and for a page that would fetch anything from
elsewhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from checking import problems
from header import HEADER, header_page
from notebooks import add_notebooks
from pages import Pages
from python_reference import add_reference
from swift import add_swift

# Of Debian's fonts-stix (Open Font License): browsers without a font for mathematics set subscripts badly.
FONT = Path("/usr/share/fonts/opentype/stix-word/STIXMath-Regular.otf")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENT = re.compile(r"(?<!\">)<code>docs/([a-z_-]+)\.md</code>")
SWIFT = "# Swift\n\n{}\n\nAn example: [main.swift](source/examples/swift/main.swift.md).\n"
THERE = "The [reference by module](swift/reference/documentation/swift/index.html) is made by DocC."
NOT_THERE = "The reference by module was left out when this site was built: `--swift-build` was not given."


def main() -> int:
    """Build it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    parser.add_argument("--work", type=Path, default=ROOT / ".build-site", help="a folder for what is made on the way")
    parser.add_argument("--swift-build", type=Path, help="built modules; without them no Swift reference")
    parser.add_argument("--base", default="", help="path the site is served at, as /latentmim")
    options = parser.parse_args()
    work, out = options.work.resolve(), options.out.resolve()
    shutil.rmtree(work, ignore_errors=True)
    stage(work, with_swift=options.swift_build is not None)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    if subprocess.run(command, cwd=work, env=environment, check=False).returncode:
        return 1
    if options.swift_build:
        # Beside the page that leads there, which is `swift/index.html`.
        place = "swift/reference"
        add_swift(ROOT, options.swift_build.resolve(), work, work / "html" / place, f"{options.base}/{place}")
    link_documents(work / "html")
    found = problems(work / "html")
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        return 1
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work / "html", out)
    print(f"{out}: {len(list(out.rglob('*.html')))} pages; python -m http.server --directory {options.out} shows them")
    return 0


def link_documents(site: Path) -> None:
    """Make links of the documents that docstrings name, such as docs/recipes.md."""
    for page in site.rglob("index.html"):
        text = page.read_text("utf-8")
        up = "../" * len(page.parent.relative_to(site).parts) or "./"
        linked = DOCUMENT.sub(rf'<a href="{up}\1/">\g<0></a>', text)
        if linked != text:
            page.write_text(linked, encoding="utf-8")


def stage(work: Path, *, with_swift: bool) -> None:
    """What Zensical reads: its configuration and all pages."""
    pages = Pages(ROOT, work / "pages")
    pages.add_documents()
    add_notebooks(pages)
    add_reference(pages)
    pages.write("c.md", header_page((ROOT / HEADER).read_text("utf-8")))
    pages.write("swift.md", SWIFT.format(THERE if with_swift else NOT_THERE))
    pages.write("assets/site.css", (HERE / "site.css").read_text("utf-8"))
    if FONT.exists():
        shutil.copyfile(FONT, work / "pages" / "assets" / FONT.name)
    else:
        print(f"{FONT} is missing: equations get the font that a browser has for them", file=sys.stderr)
    shutil.copyfile(HERE / "zensical.toml", work / "zensical.toml")
    (work / "python").symlink_to(ROOT / "python")


if __name__ == "__main__":
    sys.exit(main())
