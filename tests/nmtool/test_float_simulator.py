"""The float simulator, compared with training's reference and with integers."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.errors import DataError
from nmtool.float_simulator import reaches_rate, simulate_floats, with_states
from nmtool.hardware_sim import simulator
from nmtool.hardware_sim.kernel import Kernels
from nmtool.network.graph import LIF
from nmtool.raster import Raster
from nmtool.testing.networks import random_raster
from nmtool.training.mathematics.reference import forward
from tests.networks.drawn import float_networks
from tests.networks.trainable import TOPOLOGIES, random_input, random_network
from tests.nmtool.cli import cases
from tests.nmtool.quantisation.test_calibration import spiking_network
from tests.refusals import refused
from tests.thorough import examples

RASTER = random_raster(2, 5, 40, 10)


def test_the_simulation_equals_the_reference_of_training() -> None:
    network = spiking_network()
    recording, expected = simulate_floats(network, RASTER), forward(network, RASTER)
    assert recording.spikes["hidden"].n_spikes > 50
    np.testing.assert_array_equal(
        recording.spikes["hidden"].dense(), expected.spikes["hidden"].dense()
    )
    np.testing.assert_allclose(recording.membrane["out"], expected.membrane["out"], atol=1e-9)


@settings(max_examples=examples(0.8))
@given(st.sampled_from(sorted(TOPOLOGIES)), st.integers(0, 1000))
def test_any_graph_runs_as_the_reference_does(topology: str, seed: int) -> None:
    network = random_network(topology, seed)
    spikes = random_input(network, 3, seed)
    recorded, expected = simulate_floats(network, spikes), forward(network, spikes)
    for name, raster in expected.spikes.items():
        np.testing.assert_array_equal(recorded.spikes[name].flat_index(), raster.flat_index())
    for name, membrane in recorded.membrane.items():
        np.testing.assert_allclose(membrane, expected.membrane[name], atol=1e-9)


@settings(max_examples=examples(0.8))
@given(st.sampled_from(["recurrent", "two layers", "feedback and skips"]), st.integers(0, 1000))
def test_a_rate_is_reached_with_the_last_spike(topology: str, seed: int) -> None:
    network = random_network(topology, seed)
    spikes = random_input(network, 3, seed)
    for names in (["hidden"], [p.name for p in network.populations if p.kind == LIF]):
        counts = [simulate_floats(network, spikes).spikes[name].counts() for name in names]
        rate = sum(int(c.sum()) for c in counts) / sum(c.size for c in counts)
        assert reaches_rate(network, names, spikes, rate)
        assert not reaches_rate(network, names, spikes, np.nextafter(rate, 1e9))


@settings(max_examples=examples(0.8))
@given(float_networks(), st.integers(0, 1000))
def test_the_order_of_sums_is_fixed(network: nm.Network, seed: int) -> None:
    first = {p.target: p for p in reversed(network.projections)}
    network = network.with_projections(list(first.values()))
    spikes = random_input(network, 3, seed)
    deep = simulate_floats(network, spikes, deep=True)
    assert with_states(network, partial(simulate_floats, network))(spikes) == deep


def test_a_rate_without_samples_needs_no_spike() -> None:
    nothing = Raster.silent(0, 40, 10)
    assert reaches_rate(spiking_network(), ["hidden"], nothing, 3.0)


@given(st.integers(1, 60), st.integers(1, 400))
def test_the_deciding_spike_does_not_depend_on_rounding(spikes: int, bins: int) -> None:
    counted: list[int] = []

    def spikes_up_to(*arguments: Any) -> int:
        counted.append(arguments[-1])
        return spikes

    network = random_network("recurrent", 1)
    size = network.population("hidden").size
    with pytest.MonkeyPatch.context() as patch:
        kernels = Kernels(spikes_up_to, spikes_up_to, spikes_up_to)
        patch.setattr(simulator, "kernels_of", lambda network: kernels)
        raster = Raster.silent(bins, 2, network.channels.size)
        assert reaches_rate(network, ["hidden"], raster, spikes / (size * bins))
    assert counted == [spikes]


def test_samples_run_alone_as_they_run_together() -> None:
    network, counted = spiking_network(), list[int]()
    recording = simulate_floats(network, RASTER, on_progress=counted.append)
    alone = [simulate_floats(network, part) for part in RASTER.batches(1)]
    together = np.concatenate([part.membrane["out"] for part in alone])
    np.testing.assert_array_equal(recording.membrane["out"], together)
    assert sum(counted) == RASTER.n_samples


def test_other_channels_are_refused() -> None:
    with refused(DataError, "input-channels-differ"):
        simulate_floats(spiking_network(), random_raster(2, 5, 40, 9))


def test_floats_are_evaluated_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    network, events = cases.float_network(), cases.spike_events(6)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    evaluation = nm.evaluate(network, events)
    expected = simulate_floats(network, network.bin(events).raster)
    assert evaluation.accuracy == expected.accuracy(events.label)
    assert evaluation.recording.spikes["hidden"].n_spikes == expected.spikes["hidden"].n_spikes
