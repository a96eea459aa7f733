"""Figures as inline SVG: text stays text, and colours suit light and dark pages.

Equal figures give equal SVG: it has no dates, and identifiers are hashed with a fixed salt.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from cycler import cycler
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

if TYPE_CHECKING:
    from nmtool.reporting.report import Figure

WIDTH_INCHES = 5.0
PANEL_INCHES = 2.7

_INK = "#010203"
"""Placeholder, replaced by the colour of the page's text."""

_PALETTE = ("#3584e4", "#e0731d", "#2a9d6f", "#c061cb", "#b8891f", "#d0434f")
"""Colours with a contrast of at least 3 both to white and to near-black pages."""

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_REFERENCE = re.compile(r"(url\(|^)#([^)]+)")
_FONT_FAMILY = re.compile(r"font-family: [^;]*; ?")

_STYLE: Any = {
    "svg.hashsalt": "nmtool",
    "svg.fonttype": "none",
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.titlesize": 10,
    "axes.prop_cycle": cycler(color=_PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK
    ),
}


def svg(figure: Figure, number: int) -> str:
    """Draw a figure.

    Args:
        figure: figure to draw.
        number: number of the figure in its page, which makes identifiers unique in the page.

    Returns:
        An `<svg>` element.
    """
    heights = list(figure.heights)
    with rc_context(_STYLE), warnings.catch_warnings():
        # If the font of matplotlib lacks a character, the browser draws it.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        size = WIDTH_INCHES * (2 if figure.is_wide else 1), PANEL_INCHES * sum(heights)
        canvas = Canvas(figsize=size, layout="constrained")
        FigureCanvasSVG(canvas)
        grid = canvas.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[
            :, 0
        ]
        for draw, ax in zip(figure.panels, grid, strict=True):
            draw(ax=ax)
            ax.set_title("")  # The caption of the figure contains the same text.
            ax.label_outer()
        svg_text = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(svg_text, format="svg", dpi=144, metadata=no_metadata)
    return _inline(svg_text.getvalue(), figure, number)


def _inline(text: str, figure: Figure, number: int) -> str:
    """The `<svg>` element for an HTML page: without a fixed size, with unique identifiers."""
    root = ElementTree.fromstring(text)
    _remove(root, "metadata", "style")
    used = {name for element in root.iter() for name in _referenced_ids(element)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        attributes = {name.removeprefix(_XLINK): value for name, value in element.attrib.items()}
        identifier = attributes.pop("id", None)
        if identifier in used:
            attributes["id"] = f"f{number}-{identifier}"
        for name, value in attributes.items():
            value = _REFERENCE.sub(rf"\g<1>#f{number}-\g<2>", value)
            if name == "style":
                value = _FONT_FAMILY.sub("", value).replace(_INK, "currentColor")
            attributes[name] = value
        element.attrib.clear()
        element.attrib.update(attributes)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": figure.caption, "stroke-linejoin": "round"}
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _remove(root: ElementTree.Element, *tags: str) -> None:
    """Remove all elements with some tags from a tree."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in tags:
                parent.remove(child)


def _referenced_ids(element: ElementTree.Element) -> list[str]:
    """Identifiers to which an element's attributes refer."""
    return [match[2] for value in element.attrib.values() for match in _REFERENCE.finditer(value)]
