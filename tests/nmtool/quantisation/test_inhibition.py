"""Neurons that are inhibited far below 0 do not cost the precision of all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmtool.float_simulator import simulate_floats
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import InputChannels
from nmtool.network.readout import Readout
from nmtool.quantisation import quantise_network
from nmtool.quantisation.scale import MEMBRANE
from nmtool.raster import Raster
from nmtool.verification.comparison import spike_agreement
from tests.refusals import codes

HIDDEN, CHANNELS, STEPS = 120, 50, 150


def network(inhibition: float, seed: int = 0) -> Network:
    """A recurrent network with two hidden neurons that the others inhibit."""
    rng = np.random.default_rng(seed)
    recurrent = rng.normal(-0.02, 0.1, (HIDDEN, HIDDEN))
    recurrent[:, :2] -= inhibition
    weights = {
        ("input", "hidden"): rng.normal(0.25, 0.25, (CHANNELS, HIDDEN)),
        ("hidden", "hidden"): recurrent,
        ("hidden", "output"): rng.normal(0, 0.2, (HIDDEN, 3)),
    }
    return Network(
        channels=InputChannels(CHANNELS),
        populations=[
            Population("hidden", HIDDEN, "lif", tau_mem_ms=20.0, tau_syn_ms=5.0),
            Population("output", 3, "li", tau_mem_ms=20.0, tau_syn_ms=5.0),
        ],
        projections=[
            Projection(source, target, weight, np.zeros(weight.shape, int))
            for (source, target), weight in weights.items()
        ],
        readout=Readout("output", "mean"),
        dt_ms=1.0,
        n_steps=STEPS,
        class_names=["a", "b", "c"],
    )


def raster(seed: int, n_samples: int = 12) -> Raster:
    dense = np.random.default_rng(seed).random((n_samples, STEPS, CHANNELS)) < 0.05
    return Raster.from_dense(dense)


@pytest.mark.parametrize("scale", ["static", "data"])
@pytest.mark.parametrize("ranges", ["error", "largest"])
def test_inhibited_neurons_do_not_limit_the_scale(scale: str, ranges: str) -> None:
    floats, spikes = network(1.0), raster(1)
    whole = quantise_network(floats, spikes, scale=scale, ranges=ranges)
    assert whole.report.populations[0].limit == MEMBRANE
    quantised = quantise_network(
        floats, spikes, scale=scale, ranges=ranges,
        float_run=lambda inputs: simulate_floats(floats, inputs),
    )  # fmt: skip
    scales = [variant.network.population("hidden").scale for variant in (whole, quantised)]
    assert scales[1] > 1.9 * scales[0]
    assert codes(list(quantised.findings)) == [*codes(list(whole.findings)), "inhibition-cut"]
    unseen = raster(2)
    expected = simulate_floats(floats, unseen)
    answers = [simulate(variant.network, unseen) for variant in (whole, quantised)]
    before, after = (spike_agreement(expected, answer).share for answer in answers)
    assert after > before
    assert [answer.counts["u_wraps"] for answer in answers] == [0, 0]


def test_networks_without_strong_inhibition_do_not_change() -> None:
    floats, spikes = network(0.0), raster(1)
    plain = quantise_network(floats, spikes)
    measured = quantise_network(
        floats, spikes, float_run=lambda inputs: simulate_floats(floats, inputs)
    )
    assert plain.report.populations[0].limit != MEMBRANE
    assert plain.network.content_hash == measured.network.content_hash


def test_head_room_that_spikes_need_is_not_reduced() -> None:
    """If inhibition drives all neurons that far below 0 before they spike, range is needed."""
    floats, spikes = network(0.0), raster(1)
    deep = replace(
        floats,
        projections=[
            replace(p, weight=p.weight * (1.0 if p.source == "input" else 4.0))
            for p in floats.projections
        ],
    )
    quantised = quantise_network(
        deep, spikes, float_run=lambda inputs: simulate_floats(deep, inputs)
    )
    expected = simulate_floats(deep, spikes)
    whole = quantise_network(deep, spikes)
    before, after = (
        spike_agreement(expected, simulate(variant.network, spikes)).share
        for variant in (whole, quantised)
    )
    assert after >= before
