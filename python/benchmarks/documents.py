"""Generated tables in hand-written documents, between `<!-- bench:name -->` and `<!-- /bench:name -->`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def command() -> str:
    """How the running benchmark was called, for a shell. Of files outside the working folder it says the name alone."""
    words = [Path(word).name if os.path.isabs(word) else word for word in sys.argv[1:]]
    return shlex.join(["python", f"python/benchmarks/{Path(sys.argv[0]).name}", *words])


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
