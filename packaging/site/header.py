"""The C header as a page: each section, its comments and its declarations."""

from __future__ import annotations

import re
from pathlib import Path

HEADER = Path("Sources/CLatentMIM/include/latentmim.h")
SECTION = re.compile(r"^// ---- (.+?) -+$", re.MULTILINE)
# What is for the compiler alone.
GUARDS = re.compile(r"^#.*$|^extern \"C\" \{$|^\}$(?=\n#endif)", re.MULTILINE)


def header_page(text: str) -> str:
    """The header's text as Markdown."""
    opening, *sections = SECTION.split(text)
    about = [line.removeprefix("///").removeprefix(" ") for line in _lines(opening) if line.startswith("///")]
    comment = "\n".join(about)
    parts = [f"# C interface\n\n`#include <latentmim.h>`, `{HEADER}`: {comment[0].lower()}{comment[1:]}\n"]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts.append(f"## {title}\n")
        parts += [_entry(block) for block in _blocks(body)]
    return "\n".join(parts)


def declared(text: str) -> set[str]:
    """Names of the functions that the header declares."""
    return set(re.findall(r"\b(lm_\w+)\((?!\*)", re.sub(r"//.*", "", text)))


def _lines(text: str) -> list[str]:
    return GUARDS.sub("", text).splitlines()


def _blocks(body: str) -> list[tuple[list[str], list[str]]]:
    """Pairs of the lines of a comment and the lines of what is declared beneath it."""
    blocks: list[tuple[list[str], list[str]]] = []
    depth = 0
    for line in _lines(body):
        if depth == 0 and line.startswith("//"):
            if not blocks or blocks[-1][1]:
                blocks.append(([], []))
            blocks[-1][0].append(line.lstrip("/").removeprefix(" "))
        elif line.strip():
            if not blocks:
                blocks.append(([], []))
            blocks[-1][1].append(line)
            depth += line.count("{") - line.count("}")
    return blocks


def _entry(block: tuple[list[str], list[str]]) -> str:
    comment, declaration = block
    # A line of a list keeps its place; what Markdown would read as HTML stands as it is written.
    text = "\n".join(comment).replace("<", "&lt;")
    code = "```c\n" + "\n".join(declaration) + "\n```\n" if declaration else ""
    # Names that can be linked to.
    marks = "".join(f'<a id="{name}"></a>' for name in sorted(declared("\n".join(declaration))))
    return f"{marks}\n\n{code}\n{text}\n"
