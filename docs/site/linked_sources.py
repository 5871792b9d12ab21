"""A Sphinx extension: a link to a file of the project becomes a link to a page that shows it.

Pages link to code, ``[sgd.py](../slt_toys/kernels/sgd.py)``. On the site such a link opens the code, coloured and with
numbered lines, in place of a download.
"""

# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

LEXERS = {".py": "python", ".toml": "toml", ".txt": "text", ".cff": "yaml", ".csv": "text", ".json": "json", "": "bash"}
_log = logging.getLogger(__name__)


def _sources(environment: BuildEnvironment) -> dict[str, set[str]]:
    """By page, the files that it links to."""
    if not hasattr(environment, "linked_sources"):
        environment.linked_sources = {}  # type: ignore[attr-defined]
    return environment.linked_sources  # type: ignore[attr-defined]


def _link(app: Sphinx, document: nodes.document) -> None:
    page = app.env.current_document.docname
    root = Path(app.config.linked_sources_root).resolve()
    found = _sources(app.env).setdefault(page, set())
    for node in list(document.findall(addnodes.download_reference)):
        target = unquote(str(node["reftarget"])).split("#")[0]
        if target.startswith("/"):
            path = target.lstrip("/")
        else:
            path = os.path.normpath(os.path.join(os.path.dirname(page), target))
        file = root / path
        if Path(path).suffix not in LEXERS or not file.is_file():
            continue
        found.add(path)
        here = os.path.dirname(app.builder.get_target_uri(page)) if app.builder.name == "html" else ""
        uri = os.path.relpath(f"source/{path}.html", here or ".")
        reference = nodes.reference("", "", *node.children, internal=True, refuri=uri)
        node.replace_self(reference)


def _forget(_app: Sphinx, environment: BuildEnvironment, page: str) -> None:
    _sources(environment).pop(page, None)


def _merge(_app: Sphinx, environment: BuildEnvironment, pages: set[str], other: BuildEnvironment) -> None:
    _sources(environment).update({page: found for page, found in _sources(other).items() if page in pages})


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    root = Path(app.config.linked_sources_root)
    for path in sorted(set().union(*_sources(app.env).values(), set())):
        text = (root / path).read_text(encoding="utf-8")
        code = app.builder.highlighter.highlight_block(  # type: ignore[attr-defined]
            text, LEXERS[Path(path).suffix], linenos="inline"
        )
        yield f"source/{path}", {"title": path, "body": f"<h1><code>{path}</code></h1>\n{code}"}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension; ``linked_sources_root`` is the folder that links are looked up in."""
    app.add_config_value("linked_sources_root", "", "env", [str])
    app.connect("doctree-read", _link)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("html-collect-pages", _pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
