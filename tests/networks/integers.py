"""Integer networks of tests."""

from __future__ import annotations

from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import round_network


def large_network(max_delay: int = 15, n_hidden: int = 512) -> IntegerNetwork:
    """A network of 64 channels, a large recurrent layer, and ten outputs that integrate."""
    return round_network(Network.layers([64, n_hidden, 10], delays=max_delay)).network
