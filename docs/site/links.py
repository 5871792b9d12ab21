"""Check the links of the built site: what a page points to must be there, and what it shows must be the site's own."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Names of places on a page, and what it points to."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.targets: list[str] = []
        self.loaded: set[str] = set()  # of the targets, those that the page loads by itself

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what one tag says."""
        said = {name: value or "" for name, value in attrs}
        self.places |= {said[name] for name in ("id", "name") if name in said}
        wanted = {"a": "href", "img": "src", "link": "href", "script": "src"}.get(tag)
        if wanted in said:
            self.targets.append(said[wanted])
            if tag in ("img", "script") or "stylesheet" in said.get("rel", ""):
                self.loaded.add(said[wanted])


@cache
def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8", errors="replace"))
    return page


def broken_links(folder: Path) -> list[str]:
    """Each link of the pages below ``folder`` that leads nowhere or loads another host's file, as "page: link"."""
    folder, found = folder.resolve(), []
    _read.cache_clear()
    for page in sorted(folder.rglob("*.html")):
        if page.is_relative_to(folder / "_static"):
            continue
        for target in _read(page).targets:
            parts = urlsplit(target)
            if parts.netloc and target in _read(page).loaded:
                found.append(f"{page.relative_to(folder)}: {target}")
            if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            lost = not file.is_file() or (
                parts.fragment and file.suffix == ".html" and unquote(parts.fragment) not in _read(file).places
            )
            if lost:
                found.append(f"{page.relative_to(folder)}: {target}")
    return found
