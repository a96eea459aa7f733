"""Verdicts on overflows, against whole runs by the other rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtool.arithmetic import DECAY_ONE, SILENT_THRESHOLD, STATE_LIMIT, STATE_SHIFT
from nmtool.hardware_sim import reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.step import neuron_step
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.overflows import (
    WAYS,
    answers_depend,
    clipping_samples,
    count_dependent,
    overflow_sentence,
)
from tests.networks.integers import random_network, random_raster

COUNTS = {
    "u_wraps": 0,
    "v_clips": 3,
    "v_clips_outputs": 0,
    "neuron_updates": 40,
    **{f"{what}_if_v_{way}": 0 for what in ("spikes", "predictions") for way in WAYS},
}


def run_by(way: str, network: IntegerNetwork, spikes: Raster) -> Recording:
    """A whole run in which membranes beyond 24 bits do not clip."""

    def step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> tuple:
        new_u = neuron_step(a, u, v, bias, keep_u, keep_v, vth).u
        sign = 1 if v >= 0 else -1
        new_v = sign * (abs(v) * keep_v // DECAY_ONE) + new_u + bias
        if way == "wraps":
            new_v = (new_v + STATE_LIMIT) % (2 * STATE_LIMIT) - STATE_LIMIT
        spiked = vth != SILENT_THRESHOLD and new_v > vth << STATE_SHIFT
        return new_u, 0 if spiked else new_v, spiked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_step", np.frompyfunc(step, 7, 1))
        return reference.run_reference(network, spikes)


def same_spikes(one: Recording, other: Recording) -> np.ndarray:
    """[samples] bool."""
    pairs = [(raster.dense(), other.spikes[name].dense()) for name, raster in one.spikes.items()]
    found = np.ones(one.n_samples, np.bool_)
    for mine, theirs in pairs:
        found &= (mine == theirs).all(axis=(1, 2))
    return found


@given(st.integers(0, 10_000), st.integers(1, 2), st.booleans())
def test_the_samples_that_depend_are_those_that_other_rules_answer_otherwise(
    seed: int, n_hidden: int, spiking_output: bool
) -> None:
    network = random_network(seed, n_hidden, spiking_output)
    spikes = random_raster(seed, 4, 40, network.channels.size)
    recording = simulate(network, spikes, deep=True)
    found = count_dependent(network, recording)
    for way in WAYS:
        other = run_by(way, network, spikes)
        same = same_spikes(recording, other)
        assert found[f"spikes_if_v_{way}"] == (~same).sum()
        others = same & (other.predictions != recording.predictions)
        assert found[f"predictions_if_v_{way}"] == others.sum()
    left = np.setdiff1d(np.arange(spikes.n_samples), clipping_samples(network, recording))
    rest = simulate(network, spikes.take(left))
    assert not rest.counts["v_clips"]


@pytest.mark.parametrize(
    ("changes", "depends"),
    [
        ({}, False),
        ({"v_clips_outputs": 3}, False),
        ({"u_wraps": 1}, True),
        ({"u_wraps": 1, "v_clips": 0}, True),
        ({"spikes_if_v_grows": 1}, True),
        ({"predictions_if_v_wraps": 1}, True),
    ],
)
def test_a_sentence_names_who_answers_otherwise(changes: dict[str, int], depends: bool) -> None:
    counts = COUNTS | changes
    sentence = overflow_sentence(counts, " of these")
    assert "40 updates of neurons of these" in sentence
    assert answers_depend(counts) is depends
    assert ("no spike and no prediction" in sentence) is not depends
    assert ("(catalyst-n1)" in sentence) is (depends and counts["v_clips"] > 0)
    assert ("(brian2-loihi)" in sentence) is depends
    assert "(nir" not in sentence, "which runs real numbers"


def test_nothing_is_said_of_nothing() -> None:
    assert overflow_sentence({}) == overflow_sentence(dict.fromkeys(COUNTS, 0)) == ""
    assert not answers_depend({})
