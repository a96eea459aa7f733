"""The figures agree with the spikes, the gradients and the code that they show."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import nmtool as nm
from docs import figures, raster, rooms
from nmtool.dynamics import drive_scale


def test_dots_on_the_curve_are_the_gradients(tmp_path: Path) -> None:
    """∂L/∂w of a channel is the sum of the curve's values where its spikes arrive."""
    values = figures.page_values()
    _, gradients = values["stepped"](figures.DT_MS)
    neuron, events = values["hidden"], values["events"]
    b = drive_scale(neuron.tau_mem_ms, neuron.tau_syn_ms, figures.DT_MS)
    delay = values["delays_ms"][0][events.neuron, 0]
    arrival = np.floor(events.time_ms / figures.DT_MS) + 1 + np.round(delay / figures.DT_MS)
    read = b * gradients.mu_u["hidden"][0, arrival.astype(int), 0]
    summed = np.bincount(events.neuron, read, minlength=3)
    np.testing.assert_allclose(summed, gradients.weight[0][:, 0], rtol=1e-12)
    np.testing.assert_allclose(summed, values["exact"].weight[0][:, 0], rtol=0.05)

    figures.draw(values).savefig(tmp_path / "eventprop.svg")
    drawn, original = (tmp_path / "eventprop.svg").read_text(), figures.FIGURE.read_text()
    for words in ("channel 0", "hidden neuron", "time in ms"):
        assert words in drawn
        assert words in original


ROOT = Path(__file__).parents[1]
STOPS = [stop for _, stops in rooms.WAYS.values() for stop in stops]


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: f"{stop.file}:{stop.name}")
def test_stops_of_the_rooms_are_in_the_code(stop: rooms.Stop) -> None:
    tree = ast.parse((ROOT / stop.file).read_text("utf-8"))
    definitions = (ast.ClassDef, ast.FunctionDef)
    [definition] = [
        node for node in tree.body if isinstance(node, definitions) and node.name == stop.name
    ]
    if stop.note:
        assert stop.note in {node.name for node in definition.body if isinstance(node, definitions)}
    x, y, width, height = rooms.room_of(stop).box
    assert x <= stop.at[0] < x + width
    assert y < stop.at[1] < y + height


def test_the_figure_of_the_rooms_is_the_one_drawn() -> None:
    assert rooms.FIGURE.read_text("utf-8") == rooms.svg()


def test_every_spike_of_the_rasters_is_a_dot_and_differences_are_red() -> None:
    before = np.random.default_rng(0).random((1, 20, 6)) < 0.3
    after = before.copy()
    after[0, 11] = ~after[0, 11]
    rasters = nm.Raster.from_dense(before), nm.Raster.from_dense(after)
    same, other = raster.draw(rasters[0], rasters[0]), raster.draw(*rasters)
    assert same.count('class="spike"') == 2 * before.sum()
    assert f">{before.sum()} spikes, different 0<" in same
    assert other.count('class="bad"') == 6
    assert "different 6<" in other
    assert 'class="bad"' not in raster.PICTURE.read_text("utf-8")
