"""Figures in a page: reproducible, with the page's colours and unique identifiers."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nmtool import plot
from nmtool.evaluation.confusion import Confusion
from nmtool.raster import Raster
from nmtool.reporting import Figure

pytest.importorskip("matplotlib")

from nmtool.reporting.report import _svg as svg

RASTER = Raster.from_dense(np.random.default_rng(0).random((1, 40, 30)) < 0.1)
FIGURE = Figure("spikes", [partial(plot.raster, RASTER), partial(plot.activity, RASTER)], (1, 2))


def test_a_figure_is_reproducible() -> None:
    assert svg(FIGURE, 0) == svg(FIGURE, 0)
    assert "<dc:date>" not in svg(FIGURE, 0)


def test_identifiers_of_two_figures_differ() -> None:
    ids = [set(re.findall(r' id="([^"]+)"', svg(FIGURE, number))) for number in (0, 1)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_every_reference_has_its_element() -> None:
    text = svg(FIGURE, 3)
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    assert used
    assert used <= set(re.findall(r' id="([^"]+)"', text))


def test_colours_and_fonts_are_those_of_the_page() -> None:
    text = svg(FIGURE, 0)
    assert "currentColor" in text
    assert "#010203" not in text
    assert "font-family" not in text
    assert "<style" not in text
    root = ElementTree.fromstring(text)
    assert "width" not in root.attrib
    assert root.attrib["aria-label"] == "spikes"


def test_panels_share_their_steps() -> None:
    root = ElementTree.fromstring(svg(FIGURE, 0))
    texts = [element.text for element in root.iter("text")]
    assert texts.count("step") == 1


def draw_names(names: tuple[str, str], *, ax: Any) -> None:
    plot.confusion(Confusion.of(np.array([0, 1]), np.array([0, 1]), names), ax=ax)


@pytest.mark.parametrize(
    "name", ["$x_1$", "a $ b", "<script>", "id=\"x\" 'y'", "\\alpha", "ü→", "日本"]
)
def test_names_are_shown_as_they_are(name: str) -> None:
    figure = Figure("names", [partial(draw_names, (name, "other"))])
    texts = [element.text for element in ElementTree.fromstring(svg(figure, 0)).iter("text")]
    assert texts.count(name) == 2


@pytest.mark.parametrize("name", ["a\x01\n", "\u202eab", "\ufffe\ud800"])
def test_hidden_characters_are_shown_as_escapes(name: str) -> None:
    figure = Figure("names", [partial(draw_names, (name, "other"))])
    texts = [element.text for element in ElementTree.fromstring(svg(figure, 0)).iter("text")]
    assert texts.count(name.encode("unicode_escape").decode()) == 2


def test_a_dense_raster_gives_a_small_figure() -> None:
    dense = Raster.from_dense(np.random.default_rng(0).random((1, 1000, 700)) < 0.1)
    assert dense.n_spikes > 60_000
    assert len(svg(Figure("dense", [partial(plot.raster, dense)]), 0)) < 500_000
