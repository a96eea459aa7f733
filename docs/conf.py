"""Settings of Sphinx, with which `make site` builds the site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pages
from nmtool.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "nmtool"
author = "The nmtool authors"
project_copyright = "the nmtool authors"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "nmtool"
html_static_path = ["static"]
html_css_files = ["site.css"]
highlight_language = "none"
toc_object_entries = False
smartquotes_action = "q"  # keep the two dashes of flags

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False

copybutton_exclude = ".linenos, .gp, .go"


default_role = "code"
"""Role of single backticks in docstrings."""


def setup(app: Sphinx) -> None:
    """Write the generated pages, and change links to pages of the site."""
    app.connect("builder-inited", lambda app: pages.write(HERE))
    app.connect("source-read", _link)


def _link(app: Sphinx, page: str, content: list[str]) -> None:
    parts = pages.parts_of(content[0]) if page == "guide" else ""
    content[0] = pages.linked(f"{page}.md", content[0]) + parts
