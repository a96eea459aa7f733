"""Samples that depend on overflows, compared with whole runs under the other rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.arithmetic import DECAY_ONE, SILENT_THRESHOLD, STATE_LIMIT, STATE_SHIFT
from nmtool.hardware_sim import reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.step import Step, neuron_step
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.overflows import GROWS, WRAPS, count_dependent, no_dependence


def run_by(way: str, network: IntegerNetwork, spikes: Raster) -> Recording:
    """A whole run in which membranes beyond 24 bits do not clip."""

    def step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> Step:
        new_u = neuron_step(a, u, v, bias, keep_u, keep_v, vth).u
        sign = 1 if v >= 0 else -1
        new_v = sign * (abs(v) * keep_v // DECAY_ONE) + new_u + bias
        if way == WRAPS:
            new_v = (new_v + STATE_LIMIT) % (2 * STATE_LIMIT) - STATE_LIMIT
        spiked = vth != SILENT_THRESHOLD and new_v > vth << STATE_SHIFT
        return Step(new_u, 0 if spiked else new_v, spiked, False, False, new_v)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_step", lambda _: np.frompyfunc(step, 7, 1))
        return reference.run_reference(network, spikes)


def same_spikes(first: Recording, second: Recording) -> np.ndarray:
    """[samples] bool: True where all spikes are equal."""
    pairs = [(raster.dense(), second.spikes[name].dense()) for name, raster in first.spikes.items()]
    mask = np.ones(first.n_samples, np.bool_)
    for mine, theirs in pairs:
        mask &= (mine == theirs).all(axis=(1, 2))
    return mask


@given(st.integers(0, 10_000), st.integers(1, 2), st.booleans())
def test_dependent_samples_are_those_that_change_under_other_rules(
    seed: int, n_hidden: int, spiking_output: bool
) -> None:
    network = random_network(seed, n_hidden, spiking_output)
    spikes = random_raster(seed, 4, 40, network.channels.size)
    recording = simulate(network, spikes)
    counts = count_dependent(network, spikes, recording)
    assert counts.keys() == no_dependence().keys()
    for way in (GROWS, WRAPS):
        other = run_by(way, network, spikes)
        same = same_spikes(recording, other)
        assert counts[f"spikes_if_v_{way}"] == (~same).sum()
        others = same & (other.predictions != recording.predictions)
        assert counts[f"predictions_if_v_{way}"] == others.sum()
