"""Footprint and connection sparsity, recomputed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmtool.network.integer_network import IntegerProjection
from nmtool.targets.footprint import (
    Footprint,
    connection_sparsity,
    integer_footprint,
    torch_footprint,
)
from tests.networks.speech import speech_network
from tests.nmtool.cli import cases


def test_a_speech_network_by_hand() -> None:
    network = speech_network(234, 256, 10, recurrent=True)
    synapses = 234 * 256 + 256 * 256 + 256 * 10
    bits = synapses * (8 + 6) + 3 * 4 + 266 * 13 + 2 * (12 + 12 + 17 + 3)
    state = 266 * (2 * 24 + 62 * 16)
    assert integer_footprint(network) == Footprint(-(-bits // 8), state // 8)
    parameters = 2 * synapses + 4 * 266
    assert torch_footprint(network) == Footprint(4 * parameters, 4 * 266 * (2 + 62))
    assert integer_footprint(network).total == -(-bits // 8) + state // 8


def test_bits_are_those_of_each_projection() -> None:
    network = speech_network(4, 3, 2, recurrent=False)
    into, onto = network.projections
    weight, delay = np.full((4, 3), 64), into.delay % 4
    weight[1, 1], delay[1, 1], delay[0, 0] = 0, 60, 3
    short = IntegerProjection("input", "hidden", weight, delay, 3)
    network = replace(network, projections=[short, replace(onto, delay=np.zeros((3, 2), int))])
    bits = 12 * (3 + 2) + 6 * 8 + 2 * 4 + 5 * 13 + 2 * 44
    state = 3 * (48 + 4 * 16) + 2 * (48 + 16)
    assert integer_footprint(network) == Footprint(-(-bits // 8), -(-state // 8))
    assert torch_footprint(network).state == 4 * (3 * (2 + 61) + 2 * (2 + 1))


def test_sparsity_is_the_share_of_weights_that_are_0() -> None:
    network = cases.integer_network()
    zeros = sum(int((p.weight == 0).sum()) for p in network.projections)
    assert connection_sparsity(network) == zeros / (4 * 3 + 3 * 3 + 3 * 2)
    assert connection_sparsity(replace(network, projections=[])) is None
    assert connection_sparsity(cases.float_network()) == 0
