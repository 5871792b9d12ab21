"""Sphinx configuration of the site; the sources are those that docs/site/stage.py lays out."""

# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import re
import sys
from importlib.metadata import distribution
from importlib.metadata import version as _version
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))  # for linked_sources

# MathJax comes from a package, so that the site needs no network when it is read either.
_MATHJAX = Path(str(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline"))) / "static"

project = "slt-toys"
author = "The slt-toys authors"
copyright = author  # Sphinx's name for it
version = release = _version("slt-toys")
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx.ext.mathjax",
    "linked_sources",
]

# pages
root_doc = "index"
# Of the gallery's times, pages that nothing leads to and that ask other hosts for scripts.
exclude_patterns = ["examples/*", "**.ipynb", "**/sg_execution_times.rst", "sg_execution_times.rst"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]  # sphinx-gallery keeps functions in its configuration

# notebooks: each runs once, and again when its text changes
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

# the reference of the public API
autosummary_generate = True
autodoc_typehints = "description"
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "NDArray": "NDArray", "Array": "Array"}
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "docs/examples",
    "filename_pattern": r"plot_",
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 10_000,
}

html_theme = "pydata_sphinx_theme"
html_title = "slt-toys"
html_static_path = ["static", str(_MATHJAX)]
mathjax_path = "mathjax/tex-chtml.js"
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Print an alias of types by its name: Sphinx prints the object that stands for it."""

    def named(_app: Sphinx, tree: nodes.document, _page: str) -> None:
        for text in list(tree.findall(nodes.Text)):
            if "TypeAliasForwardRef" in text:
                text.parent.replace(text, nodes.Text(re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)))

    app.connect("doctree-resolved", named)
