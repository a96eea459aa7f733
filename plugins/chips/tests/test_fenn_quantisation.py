"""Rounding to `fenn16`: its grids, its bounds, and currents that may clip beyond calibration."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

import nmtool as nm
from nmtool.dynamics import decay
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.quantisation import quantise_network, round_network
from nmtool.raster import Raster
from nmtool.targets import target_named
from nmtool.testing.networks import random_raster
from nmtool_chips.fenn.fenn16 import FENN16
from tests.networks.drawn import float_networks, seeds
from tests.nmtool.quantisation.cases import FAN_IN


@given(float_networks(FAN_IN), st.integers(2, 9))
def test_integers_of_fenn(network: Network, bits: int) -> None:
    target = target_named("fenn")
    integers = round_network(network, weight_bits=bits, target=target).network
    assert integers.arithmetic == "fenn16"
    integers.check_sums()
    for exact, population in zip(network.populations, integers.populations, strict=True):
        factors = [
            32768 * float(decay(exact.values(key).mean(), network.dt_ms))
            for key in ("tau_syn_ms", "tau_mem_ms")
        ]
        assert abs(min(factors[0], 32767) - population.keep_u) <= 0.5
        assert abs(min(factors[1], 32767) - population.keep_v) <= 0.5
        assert not population.bias.any()
        if exact.kind == "lif":
            theta = population.scale * float(exact.values("threshold").mean())
            assert abs(max(theta, 1) - population.vth) <= 0.5 + 1e-6
    for projection in integers.projections:
        assert (
            projection.shifted_weight % (1 << (9 - bits + projection.weight_exponent)) == 0
        ).all()


@given(float_networks(FAN_IN), seeds)
def test_no_current_clips_on_calibration_data(network: Network, seed: int) -> None:
    spikes = random_raster(seed, 2, network.n_steps, network.channels.size)
    integers = quantise_network(network, spikes, target=FENN16).network
    integers.check_sums()
    assert not simulate(integers, spikes).counts["u_wraps"]


def test_calibration_sets_the_head_room_of_currents_that_clip() -> None:
    """With a bound for every input, weights of 700 channels would have few levels."""
    network = nm.Network.layers([700, 20, 3], seed=1)
    spikes = Raster.from_dense(np.random.default_rng(1).random((4, 100, 700)) < 0.01)
    free = quantise_network(network, target=FENN16).network.population("hidden")
    seen = quantise_network(network, spikes, target=FENN16).network
    assert seen.population("hidden").scale > 1.5 * free.scale
    assert np.abs(seen.projections[0].weight).max() > 100


def test_delays_reach_to_63() -> None:
    q = nm.quantise(
        nm.Network.layers([4, 6, 2], delays=70, seed=3),
        target=target_named("fenn"),
        calibrate_on="none",
    )
    assert q.network.max_delay == 63
    assert "delay-range" in [finding.code for finding in q.report.findings]
