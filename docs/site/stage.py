"""Lay out the sources of the site: pages as they stand in the project, and those that are generated.

The staged tree has the project's own paths, so that links between pages hold as they are. Pages of the site alone, in
``docs/site/pages``, go to ``docs`` beside the others; its index goes to the top.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
KEPT = ("docs", "theory/pages", "figures", "benchmarks")  # folders whose pages and pictures are shown
SUFFIXES = {".md", ".png", ".csv", ".json", ".jsonl"}
CODE = ("slt_toys", "theory", "figures", "cifar", "benchmarks", "tests")  # folders whose code pages link to
ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)
ORPHAN = {"docs/README.md": "---\norphan: true\n---\n\n"}  # the list of pages for those who read the folder itself
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
INTERVAL = re.compile(r"\[(-?[\d.e+-]+), (-?[\d.e+-]+)\]")
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def staged_text(text: str) -> str:
    """A page as the site's parser wants it: anchors become its targets, and numbers in tables stay on one line."""
    return ROW.sub(
        lambda row: INTERVAL.sub("[\\1,\N{NO-BREAK SPACE}\\2]", row[0].replace(" ± ", PLUS_MINUS)),
        ANCHOR.sub(r"(\1)=", text),
    )


def write(path: Path, text: str) -> None:
    """Write a page, unless it stands there already: an unchanged page is not read anew."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def pages(root: Path = ROOT) -> dict[str, Path]:
    """By its path in the staged tree, every file that the site shows as it is."""
    found = {
        str(path.relative_to(root)): path
        for folder in KEPT
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in SUFFIXES and not path.is_relative_to(root / "docs" / "site")
    }
    found |= {str(path.relative_to(root)): path for folder in CODE for path in sorted((root / folder).rglob("*.py"))}
    found |= {name: root / name for name in ("README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml", ".ci/run")}
    for path in sorted((root / "docs" / "site" / "pages").rglob("*")):
        name = str(path.relative_to(root / "docs" / "site" / "pages"))
        if path.is_file():
            found[name if name == "index.md" else f"docs/{name}"] = path
    for path in sorted((root / "docs" / "site" / "examples").glob("*")):
        if path.is_file():
            found[f"examples/{path.name}"] = path
    return found


def contents(shown: Iterable[str]) -> dict[str, str]:
    """By page, what the site puts below it: contents where a README lists its folder, a notebook to download."""
    found = {
        name: f"\n## Download\n\nAs it ran: {{nb-download}}`{Path(name).stem}.ipynb`\n"
        for name in shown
        if Path(name).parent == Path("docs/tutorials") and Path(name).stem != "README" and name.endswith(".md")
    }
    for folder in ("docs/tutorials", "theory/pages", "benchmarks"):
        names = [
            Path(name).with_suffix("") for name in shown if name.endswith(".md") and Path(name).parent == Path(folder)
        ]
        found[f"{folder}/README.md"] = "\n" + toctree([str(n) for n in names if n.name != "README"], hidden=True) + "\n"
    return found


def title(path: Path) -> str:
    """The heading of a page."""
    found = TITLE.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{path} has no heading; begin it with one line '# ...'")
    return found[1]


def toctree(names: Iterable[str], *, depth: int = 1, hidden: bool = False, caption: str = "") -> str:
    """A table of contents of pages, by their paths from the top of the tree."""
    lines = ["```{toctree}", f":maxdepth: {depth}"]
    lines += [":hidden:"] if hidden else []
    lines += [f":caption: {caption}"] if caption else []
    return "\n".join([*lines, "", *(f"/{name}" for name in names), "```"])


def stage(folder: Path, root: Path = ROOT) -> Path:
    """Lay everything out below ``folder`` and take away what is no longer there; return ``folder``."""
    from .api import api_pages
    from .cards import gallery_pages
    from .results_index import results_page

    shown = pages(root)
    made = {**gallery_pages(root, folder), **api_pages(), "docs/results/index.md": results_page(root)}
    below = contents(shown)
    for name, source in shown.items():
        if source.suffix == ".md":
            text = staged_text(source.read_text(encoding="utf-8"))
            write(folder / name, ORPHAN.get(name, "") + text + below.get(name, ""))
        else:
            _copy(source, folder / name)
    for name, text in made.items():
        write(folder / name, text)
    made_by_sphinx = ("docs/api/generated", "docs/examples", "docs/gallery_data")
    wanted = {*shown, *made}
    for path in sorted(folder.rglob("*.md")):
        name = str(path.relative_to(folder))
        if name not in wanted and not name.startswith(made_by_sphinx):
            path.unlink()
    return folder
