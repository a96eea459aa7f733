"""Delay gradients into outputs predict the measured change of the loss."""

from __future__ import annotations

import numpy as np
import pytest

import nmtool as nm
from benchmarks import delay_gradients
from tests.training.small_data import N_UNITS, small_events

pytestmark = pytest.mark.torch


def test_changes_by_output_delays_are_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay_gradients, "AT_ONCE", 20)
    events = small_events(40, 1)
    network = nm.Network.layers(
        [N_UNITS, 12, 3], dt_ms=2.0, n_steps=30, delays=9, example_input=events, seed=3
    )
    report = delay_gradients.measure(network, events, 6, gain=1.0)
    [output] = [
        projection
        for projection in report.projections
        if projection.projection == "hidden → output"
    ]
    # At a gain of 1, the loss is almost linear. Its slope is then half the difference between the
    # losses after a step upward and after a step downward.
    np.testing.assert_allclose(output.measured, output.predicted, rtol=0.1, atol=1e-6)
    assert output.along == pytest.approx(output.along_predicted, rel=0.1)
    np.testing.assert_allclose(output.halves.sum(axis=0), output.measured)
    assert [len(table.rows) for table in report.tables()] == [3]


def test_a_seed_decides_the_directions() -> None:
    events = small_events(20, 1)
    network = nm.Network.layers([N_UNITS, 5, 3], n_steps=60, delays=9, example_input=events)
    first = delay_gradients.measure(network, events, 1)
    second = delay_gradients.measure(network, events, 1)
    for left, right in zip(first.projections, second.projections, strict=True):
        np.testing.assert_array_equal(left.measured, right.measured)
