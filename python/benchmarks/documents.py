"""Generated tables in hand-written documents, between `<!-- bench:name -->` and `<!-- /bench:name -->`."""

from __future__ import annotations

from pathlib import Path


def replace(document: Path, name: str, text: str) -> None:
    """Put `text` between the markers of `name`; a document without them gets them at its end."""
    opening, closing = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    content = document.read_text()
    if opening not in content:
        content = f"{content.rstrip()}\n\n{opening}\n{closing}\n"
    before, _, rest = content.partition(opening)
    _, found, after = rest.partition(closing)
    if not found:
        raise ValueError(f"{document}: {opening} is never closed by {closing}")
    document.write_text(f"{before}{opening}\n{text}\n{closing}{after}")
