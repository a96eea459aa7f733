"""The initial network of a run: shape, constants and random draws by the settings."""

from __future__ import annotations

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.network.graph import RESETS, TO_ZERO
from nmtool.network.readout import Readout
from nmtool.training.loop.initial import initial_network
from nmtool.training.options import TrainOptions

pytestmark = pytest.mark.torch

CLASSES = ("a", "b", "c")


def _network(n_units: int = 10, **settings: object) -> Network:
    return initial_network(
        TrainOptions().with_settings({"hidden": 40, "steps": None} | settings, "test"),
        n_units,
        CLASSES,
    )


def _edges(network: Network) -> list[tuple[str, str]]:
    return [(p.source, p.target) for p in network.projections]


def _synapses(network: Network, source: str, target: str):
    return network.projections[_edges(network).index((source, target))]


@pytest.mark.parametrize(
    ("settings", "edges"),
    [
        ({"hidden": 0}, [("input", "output")]),
        ({"recurrent": False}, [("input", "hidden"), ("hidden", "output")]),
        ({}, [("input", "hidden"), ("hidden", "hidden"), ("hidden", "output")]),
        (
            {"hidden": (12, 12)},
            [
                ("input", "hidden1"),
                ("hidden1", "hidden1"),
                ("hidden1", "hidden2"),
                ("hidden2", "hidden2"),
                ("hidden2", "output"),
            ],
        ),
        (
            {"hidden": (12, 12, 12), "recurrent": False},
            [
                ("input", "hidden1"),
                ("hidden1", "hidden2"),
                ("hidden2", "hidden3"),
                ("hidden3", "output"),
            ],
        ),
    ],
)
def test_wiring(settings: dict, edges: list[tuple[str, str]]) -> None:
    assert _edges(_network(**settings)) == edges


def test_constants_and_readout() -> None:
    network = _network(dt_ms=2.0, steps=77, tau_mem_ms=15.0, tau_syn_ms=4.0, tau_out_ms=30.0)
    hidden, output = network.population("hidden"), network.population("output")
    assert (hidden.kind, hidden.size, output.kind, output.size) == ("lif", 40, "li", 3)
    assert set(hidden.values("tau_mem_ms")) == {15.0}
    assert set(output.values("tau_mem_ms")) == {30.0}
    assert set(hidden.values("tau_syn_ms")) == set(output.values("tau_syn_ms")) == {4.0}
    assert (network.dt_ms, network.n_steps, network.class_names) == (2.0, 77, CLASSES)
    assert (network.readout.population, network.readout.rule) == ("output", "weighted")
    assert set(_network(tau_mem_ms=15.0).population("output").values("tau_mem_ms")) == {15.0}


@pytest.mark.parametrize("reset", RESETS)
def test_the_reset_is_that_of_all_spiking_populations(reset: str) -> None:
    network = _network(hidden="4@5+3@40", readout="first_spike", reset=reset)
    assert [p.reset for p in network.populations] == [reset] * 3
    integrating = _network(reset=reset)
    assert [p.reset for p in integrating.populations] == [reset, TO_ZERO]


def test_the_numbers_of_spikes_are_those_of_the_settings() -> None:
    network = _network(hidden="4@5+3@40", reset="subtract", most_spikes=3, input_counts=7)
    assert [p.most_spikes for p in network.populations] == [3, 3, 1]
    assert network.channels.most_spikes == 7
    assert not _network(reset="subtract").has_counts


def test_populations_with_constants_of_their_own() -> None:
    network = _network(hidden="4@5+3@40/2", tau_mem_ms=15.0, tau_syn_ms=4.0)
    fast, slow, output = network.populations
    assert (fast.size, slow.size) == (4, 3)
    assert set(fast.values("tau_mem_ms")) == {5.0}
    assert set(fast.values("tau_syn_ms")) == {4.0}
    assert set(slow.values("tau_mem_ms")) == {40.0}
    assert set(slow.values("tau_syn_ms")) == {2.0}
    assert set(output.values("tau_mem_ms")) == {15.0}
    assert ("hidden1", "hidden2") in _edges(network)
    assert ("hidden2", "hidden1") in _edges(network)


def test_axonal_delays_are_one_per_source() -> None:
    network = _network(axonal=True, init_delay_recurrent=9)
    for source in ("input", "hidden"):
        delay = _synapses(network, source, "hidden").delay
        assert (delay == delay[:, :1]).all()
        assert np.unique(delay).size > 5


def test_a_window_is_that_of_the_settings() -> None:
    assert _network(readout="window", window=30).readout == Readout("output", "window", 30)


def test_first_spikes_need_spiking_outputs() -> None:
    assert _network(readout="first_spike").population("output").kind == "lif"


def test_channels_are_grouped_with_a_remainder() -> None:
    network = _network(n_units=11, group=4)
    assert (network.channels.size, network.channels.group) == (3, 4)
    assert network.projections[0].shape == (3, 40)


def test_weights_follow_the_requested_normal_distributions() -> None:
    draws = {
        ("input", "hidden1"): ("init_input", (1.0, 0.5)),
        ("hidden1", "hidden1"): ("init_recurrent", (-2.0, 0.25)),
        ("hidden1", "hidden2"): ("init_hidden", (3.0, 1.0)),
        ("hidden2", "output"): ("init_output", (0.5, 2.0)),
    }
    network = _network(n_units=60, hidden=(80, 80), **dict(draws.values()))
    for edge, (_, (mean, spread)) in draws.items():
        weight = _synapses(network, *edge).weight
        error = spread / np.sqrt(weight.size)
        assert abs(weight.mean() - mean) < 5 * error
        assert abs(weight.std() - spread) < 5 * error


def test_delays_are_uniform_up_to_and_including_the_longest() -> None:
    longest = {
        ("input", "hidden1"): ("init_delay_input", 7),
        ("hidden1", "hidden1"): ("init_delay_recurrent", 0),
        ("hidden1", "hidden2"): ("init_delay_hidden", 5),
        ("hidden2", "output"): ("init_delay_output", 3),
    }
    network = _network(n_units=60, hidden=(80, 80), **dict(longest.values()))
    for edge, (_, steps) in longest.items():
        delay = _synapses(network, *edge).delay
        share = np.bincount(delay.ravel()) / delay.size
        assert share.size == steps + 1
        np.testing.assert_allclose(share, 1 / (steps + 1), atol=4 * np.sqrt(0.25 / delay.size))


def test_a_network_without_hidden_layers_has_initial_input_weights() -> None:
    direct = _network(hidden=0, init_input=(5.0, 0.0), init_delay_input=9).projections[0]
    assert (direct.weight == 5.0).all()
    assert direct.delay.max() == 9


def test_the_seed_decides() -> None:
    first, again, other = (_network(seed=seed).content_hash for seed in (3, 3, 4))
    assert first == again
    assert first != other
