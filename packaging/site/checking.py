"""What is wrong with the pages of a built site."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes whose targets a browser fetches without a click.
FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}


class Page(HTMLParser):
    """Links and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str, str]] = []
        self.anchors: set[str] = set()
        self.feed(text)

    # HTMLParser calls it for each element.
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append((tag, name, value))


def problems(site: Path) -> list[str]:
    """A line for each link that leads nowhere and each thing that would be fetched from elsewhere.

    DocC's pages are left out: a script makes them from its data, and it checks its own links.
    """
    paths = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "swift"]
    pages = {path: Page(path.read_text("utf-8")) for path in paths}
    return [problem for path, page in pages.items() for problem in _of_page(site, path, page, pages)]


def _of_page(site: Path, path: Path, page: Page, pages: dict[Path, Page]) -> list[str]:
    found = []
    for tag, attribute, value in page.links:
        parts = urlsplit(value)
        if parts.scheme or parts.netloc:
            if (tag, attribute) in FETCHED and parts.scheme != "data":
                found.append(f"{path.relative_to(site)}: {value} would be fetched from elsewhere")
            continue
        target = site / parts.path.lstrip("/") if parts.path.startswith("/") else path.parent / unquote(parts.path)
        target = path if not parts.path else Path(target).resolve()
        if target.is_dir():
            target = target / "index.html"
        if not target.exists():
            found.append(f"{path.relative_to(site)}: {value} leads nowhere")
        elif not _has(pages.get(target), unquote(parts.fragment)):
            found.append(f"{path.relative_to(site)}: {value}: no such place on that page")
    return found


def _has(page: Page | None, anchor: str) -> bool:
    # A page's own top, and its search, are the theme's.
    return page is None or not anchor or anchor.startswith("__") or anchor in page.anchors
