from __future__ import annotations

import math

import numpy as np
import pytest

from nmtool.errors import NetworkError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout
from tests.refusals import refused

CONSTANTS = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")


def small(weight: float = 0.5, delay: int = 3) -> Network:
    return Network(
        InputChannels(2),
        [Population("out", 3, "li")],
        [Projection(INPUT, "out", np.full((2, 3), weight), np.full((2, 3), delay))],
        Readout("out", "max"),
        dt_ms=2.0,
        n_steps=7,
    )


@pytest.mark.parametrize("key", CONSTANTS)
def test_scalars_apply_to_all_neurons(key: str) -> None:
    assert Population("a", 3, **{key: 4.0}).values(key).tolist() == [4.0] * 3
    assert Population("a", 3, **{key: [1, 2, 3]}).values(key).tolist() == [1.0, 2.0, 3.0]
    for wrong in ([1.0], [1.0, 2.0], [[1.0, 2.0, 3.0]]):
        with refused(NetworkError, "constants-shape") as caught:
            Population("a", 3, **{key: wrong})
        assert key in caught.value.what


def test_given_arrays_are_copied() -> None:
    bias = np.zeros(3)
    population = Population("a", 3, bias=bias)
    bias[0] = 1
    assert not population.values("bias").any()


@pytest.mark.parametrize("tau", [0.0, math.inf])
def test_no_memory_and_no_leak_are_legal(tau: float) -> None:
    population = Population("a", 1, tau_mem_ms=tau, tau_syn_ms=tau)
    assert population.values("tau_mem_ms") == tau


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("tau_mem_ms", -1.0, "time-constant-range"),
        ("tau_syn_ms", math.nan, "time-constant-range"),
        ("threshold", 0.0, "threshold-range"),
        ("threshold", -1.0, "threshold-range"),
        ("threshold", math.inf, "threshold-range"),
        ("threshold", math.nan, "threshold-range"),
        ("bias", math.inf, "bias-not-finite"),
        ("bias", math.nan, "bias-not-finite"),
    ],
)
def test_constants_out_of_range(key: str, value: float, code: str) -> None:
    with refused(NetworkError, code) as caught:
        Population("a", 2, **{key: [1.0, value]})
    assert "'a'" in caught.value.what


def test_weights_and_delays_have_one_shape_of_two_dimensions() -> None:
    with refused(NetworkError, "weights-delays-shape"):
        Projection(INPUT, "a", np.zeros((2, 3)), np.zeros((3, 2)))
    with refused(NetworkError, "weights-delays-shape"):
        Projection(INPUT, "a", np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_weights_are_finite(weight: float) -> None:
    with refused(NetworkError, "weights-not-finite"):
        small(weight=weight)


@pytest.mark.parametrize("delay", [-1, 0.5, 65536, math.nan])
def test_delays_are_whole_steps(delay: float) -> None:
    with refused(NetworkError, "delays-not-steps"):
        Projection(INPUT, "a", np.zeros((1, 1)), np.array([[delay]]))


def test_dtypes_are_fixed() -> None:
    projection = small().projections[0]
    assert (projection.weight.dtype, projection.delay.dtype) == (np.float64, np.int32)
    assert projection.shape == (2, 3)


def test_the_largest_delay() -> None:
    assert small(delay=9).max_delay == 9
    assert small().with_projections([]).max_delay == 0


def test_replacing_synapses_changes_nothing_else() -> None:
    before, other = small(), small(weight=1.0)
    after = before.with_projections(other.projections)
    assert after.projections == other.projections
    assert (after.populations, after.dt_ms) == (before.populations, 2.0)
    assert before.projections[0].weight[0, 0] == 0.5


def test_the_hash_depends_on_the_content() -> None:
    assert small().content_hash == small().content_hash
    different = [
        small(weight=0.6),
        small(delay=4),
        small().with_projections([]),
        Network(InputChannels(2, 2), small().populations, small().projections,
                Readout("out", "max"), 2.0, 7),
        Network(InputChannels(2), small().populations, small().projections,
                Readout("out", "mean"), 2.0, 7),
    ]  # fmt: skip
    hashes = {network.content_hash for network in [small(), *different]}
    assert len(hashes) == len(different) + 1
