"""A third arithmetic, with states of 8 bits, only needs an `Arithmetic` and a `neuron_step`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.arithmetic import ARITHMETICS, Arithmetic, Neuron
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.step import Step
from nmtool.hardware_sim.wrong_step import Rules, wrong_step
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import DelayGrid, quantise_network
from nmtool.verification.causes import Case
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.mutation import mutation_score
from tests.networks.drawn import seeds
from tests.networks.integers import random_network, random_raster
from tests.thorough import examples

TINY8 = Arithmetic(
    "tiny8",
    Neuron(8, "clips", "clips", "multiply", 7, "down", "above", "zero", "this step", 1, bias=False),
    module=__name__,
    state_shift=1,
    lowest=-128,
    lost_u=0,
    lost_v=1,
    weight_limit=16,
    sign_bit=False,
    sum_limit=128,
    word=3,
    weight_bits=(5,),
    max_weight_exponent=0,
    delay_bits=(1, 2, 3, 4),
    max_delay=15,
    max_du=128,
    max_dv=127,
    max_threshold=63,
    bias_limit=0,
    max_bias_exponent=0,
    drive_limit=128,
)


def neuron_step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> Step:
    u = ((u * keep_u) >> 7) + (a << 1)
    wrapped = u > 127 or u < -128
    if wrapped:
        u = 127 if u > 0 else -128
    v = ((v * keep_v) >> 7) + u + bias
    clipped = v > 127 or v < -128
    if clipped:
        v = 127 if v > 0 else -128
    spiked = v > (vth << 1)
    return Step(u, 0 if spiked else v, spiked, wrapped, clipped, v)


@pytest.fixture(scope="module", autouse=True)
def known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARITHMETICS, TINY8.name, TINY8)
        yield


states = st.integers(-128, 127)


@given(states, states, states, st.integers(0, 128), st.integers(0, 127), st.integers(0, 64))
def test_the_step_follows_the_description(
    a: int, u: int, v: int, keep_u: int, keep_v: int, vth: int
) -> None:
    constants = (0, keep_u, keep_v, vth)
    expected = neuron_step(a, u, v, *constants)
    assert wrong_step(a, u, v, False, *constants, Rules.of(TINY8)) == expected


@settings(max_examples=examples(0.5), deadline=None)
@given(seeds, st.integers(1, 2), st.booleans())
def test_a_third_arithmetic_runs(seed: int, n_hidden: int, spiking_output: bool) -> None:
    network = random_network(seed, n_hidden, spiking_output, TINY8)
    spikes = random_raster(seed, 2, 70, 5)
    recording = simulate(network, spikes, deep=True)
    assert compare_recordings(run_reference(network, spikes), recording).identical
    assert Case(network, spikes, recording, [0, 1]).deviating == []
    score = mutation_score(network, spikes, 20, deep=True)
    assert len(score.faults) == 20


@pytest.mark.torch
def test_a_third_arithmetic_is_quantised_trained_and_verified(tmp_path: Path) -> None:
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.front.rounding import Rounding

    floats = nm.Network.layers([6, 8, 3], delays=15, seed=1)
    spikes = random_raster(3, 4, 100, 6)
    network = quantise_network(floats, spikes, target=TINY8).network
    network.save(tmp_path / "network.npz")
    assert IntegerNetwork.load(tmp_path / "network.npz") == network
    assert network.runs_in == TINY8
    answers = known_answers(random_network(1, 1, spiking_output=True, runs_in=TINY8))
    assert answers.recording.spikes["h0"].n_spikes
    assert KnownAnswers.from_bytes(answers.to_bytes(), "a file") == answers
    rounding = Rounding(5, DelayGrid(4, target=TINY8))
    model = SpikingNetwork(floats, max_delay=15, rounding=rounding)
    mine, theirs = model.record(spikes), simulate(rounding(model.to_network()), spikes)
    assert compare_recordings(theirs, mine).identical
    assert theirs.membrane["output"].any()
    assert np.array_equal(theirs.membrane["output"], mine.membrane["output"])
