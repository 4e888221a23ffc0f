"""The documents as pages of the site: links kept, files they point at made pages, equations as MathML."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from latex2mathml.converter import convert

# Documents outside docs/, and the pages they become.
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```.*?^```[ ]*$)", re.MULTILINE | re.DOTALL)
LANGUAGES = {".h": "c", ".c": "c", ".swift": "swift", ".py": "python", ".txt": "text", ".toml": "toml"}


class Pages:
    """What the site is made of, below `out`; `root` is the project's folder."""

    def __init__(self, root: Path, out: Path) -> None:
        self.root, self.out = root, out
        self.sources: set[Path] = set()

    def write(self, page: str, text: str) -> None:
        """Write one page, by its path in the site."""
        path = self.out / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def add_documents(self) -> None:
        """Every document of docs/, the README and CONTRIBUTING; pictures and tables beside them."""
        docs = self.root / "docs"
        for document in [*(self.root / name for name in OUTSIDE), *sorted(docs.rglob("*.md"))]:
            self.write(self._page_of(document), self._page(document))
        for path in docs.rglob("*"):
            if path.is_file() and path.suffix not in (".md", ".ipynb"):
                target = self.out / path.relative_to(docs)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        for source in sorted(self.sources):
            self.write(self._page_of(source), _listing(source.relative_to(self.root), source.read_text("utf-8")))

    def _page(self, document: Path) -> str:
        parts = FENCE.split(document.read_text("utf-8"))
        return "".join(
            part if part.startswith("```") else _with_equations(self._with_links(part, document)) for part in parts
        )

    def _with_links(self, text: str, document: Path) -> str:
        here = (self.out / self._page_of(document)).parent

        def link(match: re.Match[str]) -> str:
            target = match[2]
            if "://" in target or target.startswith("mailto:"):
                return match[0]
            path = (document.parent / target).resolve()
            if path == self.root / "docs" / "notebooks":
                path = path / "1_pretrain.ipynb"
            elif not path.exists() or path.is_dir():
                raise SystemExit(f"{document.relative_to(self.root)}: {target} is no file")
            return match[1] + os.path.relpath(self.out / self._page_of(path), here) + match[3]

        return LINK.sub(link, text)

    def _page_of(self, path: Path) -> str:
        """Where a file of the project is in the site. One that is no document becomes a page that lists it."""
        name = str(path.relative_to(self.root))
        if name in OUTSIDE:
            return OUTSIDE[name]
        if name.startswith("docs/"):
            return name.removeprefix("docs/").replace(".ipynb", ".md")
        if name == "LICENSE":
            return "license.md"
        if path.suffix in LANGUAGES or path.suffix == "":
            self.sources.add(path)
            return f"source/{name}.md"
        raise SystemExit(f"{name}: a document points at it, and the site has no page for such files")


def _listing(name: Path, text: str) -> str:
    return f"# {name}\n\n````{LANGUAGES.get(name.suffix, 'text')}\n{text}\n````\n"


def _with_equations(text: str) -> str:
    """`$$…$$` and `` $`…`$ `` as MathML, which browsers draw without a script."""
    text = re.sub(r"^\$\$(.+?)\$\$$", lambda found: _equation(found[1], "block"), text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\$`(.+?)`\$", lambda found: _equation(found[1], "inline"), text)


def _equation(latex: str, display: str) -> str:
    # Markdown reads no signs in what stands as character references.
    mathml = convert(" ".join(latex.split()), display=display)
    return mathml.replace("*", "&#42;").replace("_", "&#95;")
