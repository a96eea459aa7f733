"""`Synapses`: mean weights and delays, and their changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmtool.errors import UsageError
from nmtool.network.synapses import Synapses
from tests.nmtool.cli import cases
from tests.refusals import refused


def test_changes_of_weights_and_delays() -> None:
    before = cases.float_network()
    first, *others = before.projections
    weight, delay = first.weight.copy(), first.delay.copy()
    weight[0] = 0.0
    delay += 2
    after = before.with_projections([replace(first, weight=weight, delay=delay), *others])
    synapses = Synapses.of(after, before, "recomputed")
    (row, *rest) = synapses.projections
    assert (row["projection"], row["synapses"], row["weight 0"]) == ("input → hidden", 9, "25.0%")
    assert row["mean |Δ delay|"] == 2.0
    assert row["mean |Δ weight|"] == np.abs(first.weight - weight).mean()
    assert all(other["mean |Δ weight|"] == other["mean |Δ delay|"] == 0 for other in rest)
    assert synapses.before == before.content_hash
    assert synapses.sentences() == [("recomputed", "")]
    assert synapses.as_json()["projections"] == [*synapses.projections]


def test_the_network_before_may_be_unknown() -> None:
    synapses = Synapses.of(cases.float_network())
    assert (synapses.before, synapses.sentences()) == (None, [])
    assert "delay before" not in synapses.tables()[0].header


def test_networks_with_other_projections_are_refused() -> None:
    with refused(UsageError, "report-before-differs"):
        Synapses.of(cases.float_network(), cases.integer_network())
