"""Integer networks of tests, and their known answers."""

from __future__ import annotations

from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import round_network
from nmtool.raster import Raster


def large_network(max_delay: int = 15, n_hidden: int = 512) -> IntegerNetwork:
    """A network of 64 channels, a large recurrent layer, and ten outputs that integrate."""
    return round_network(Network.layers([64, n_hidden, 10], delays=max_delay)).network


def answers_to(network: IntegerNetwork, spikes: Raster) -> KnownAnswers:
    """Simulate a network on an input, and make known answers from the recording.

    The input can be shorter than the input that `known_answers` generates.
    """
    recording = simulate(network, spikes, deep=True)
    return KnownAnswers(network.content_hash, spikes, recording, network.decay_factors())
