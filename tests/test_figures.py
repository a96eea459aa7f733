"""The figure of EventProp: its dots sum to the gradients of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from docs import figures
from nmtool.dynamics import drive_scale


def test_dots_on_the_curve_are_the_gradients(tmp_path: Path) -> None:
    """∂L/∂w of a channel is the sum of the curve's values where its spikes arrive."""
    values = figures.page_values()
    _, found = values["stepped"](figures.DT_MS)
    neuron, events = values["hidden"], values["events"]
    b = drive_scale(neuron.tau_mem_ms, neuron.tau_syn_ms, figures.DT_MS)
    delay = values["delays_ms"][0][events.neuron, 0]
    arrival = np.floor(events.time_ms / figures.DT_MS) + 1 + np.round(delay / figures.DT_MS)
    read = b * found.mu_u["hidden"][0, arrival.astype(int), 0]
    summed = np.bincount(events.neuron, read, minlength=3)
    np.testing.assert_allclose(summed, found.weight[0][:, 0], rtol=1e-12)
    np.testing.assert_allclose(summed, values["exact"].weight[0][:, 0], rtol=0.05)

    figures.draw(values).savefig(tmp_path / "eventprop.svg")
    drawn, kept = (tmp_path / "eventprop.svg").read_text(), figures.FIGURE.read_text()
    for words in ("channel 0", "hidden neuron", "time in ms"):
        assert words in drawn
        assert words in kept
