"""Sizes of networks, as plain values and in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmtool.exchange.size import describe_size, size_in_words
from nmtool.network.float_parts import Projection
from tests.nmtool.cli.cases import N_UNITS, float_network, integer_network


def test_sizes_count_synapses_with_a_weight() -> None:
    network = float_network()
    first, *others = network.projections
    weight = first.weight.copy()
    weight[0] = 0
    network = network.with_projections([replace(first, weight=weight), *others])
    content = describe_size(network)
    assert (content["neurons"], content["parameters"], content["synapses"]) == (5, 54, 24)
    assert content["weight_bits"] is None
    assert sum(content["delay_histogram"]) == 24
    assert describe_size(integer_network())["weight_bits"] == [8]


def test_sizes_in_words() -> None:
    words = dict(size_in_words(integer_network()))
    assert (words["neurons"], words["weights"]) == ("5", "8 bits")
    silent = float_network(
        projections=[Projection("input", "hidden", np.zeros((N_UNITS, 3)), np.ones((N_UNITS, 3)))]
    )
    assert dict(size_in_words(silent))["synapses"] == "0"
    assert dict(size_in_words(silent))["weights"] == "float"
    projection = replace(silent.projections[0], weight=np.ones((N_UNITS, 3)))
    assert " 1 " in dict(size_in_words(silent.with_projections([projection])))["delays"]
