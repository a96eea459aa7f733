"""Mutation score: it equals the result of running every mutant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.errors import DataError
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.numbers import number_names
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification import compare_recordings
from nmtool.verification.faults import (
    Fault,
    MutationScore,
    draw_faults,
    mutant,
    mutation_score,
)
from tests.networks.drawn import runs, seeds
from tests.refusals import refused
from tests.thorough import examples

pytestmark = pytest.mark.usefixtures("tiny8")


NETWORK = with_resets(random_network(9, n_hidden=2, spiking_output=False), 9, 4)
SPIKES = random_raster(9, 4, NETWORK.n_steps, NETWORK.channels.size, NETWORK.channels.most_spikes)


def differs(network: IntegerNetwork, fault: Fault, spikes: Raster, deep: bool) -> bool:
    """True if a full simulation of the mutant differs."""
    right, wrong = (
        simulate(variant, spikes, deep=deep) for variant in (network, mutant(network, fault))
    )
    comparison = compare_recordings(right, wrong)
    return bool(comparison.spikes_different or comparison.membrane_different)


@settings(max_examples=examples(0.8))
@given(st.data())
def test_a_fault_is_seen_where_its_mutant_differs(data: st.DataObject) -> None:
    network, spikes = data.draw(runs())
    deep = data.draw(st.booleans())
    score = mutation_score(network, spikes, 30, data.draw(seeds), deep)
    for fault, seen in zip(score.faults, score.seen, strict=True):
        assert seen == differs(network, fault, spikes, deep), str(fault)


def test_the_reference_simulator_shows_the_same_faults() -> None:
    score = mutation_score(NETWORK, SPIKES, 24, deep=True)
    expected = run_reference(NETWORK, SPIKES)
    for fault, seen in zip(score.faults, score.seen, strict=True):
        recording = run_reference(mutant(NETWORK, fault), SPIKES)
        assert seen != compare_recordings(expected, recording).identical


def test_faults_are_spread_and_each_is_drawn_once() -> None:
    faults = draw_faults(NETWORK, 120, 0)
    assert len(set(faults)) == 120
    names = {*number_names(NETWORK.projections[0]), *number_names(NETWORK.populations[0])}
    assert {fault.number for fault in faults} == names
    for number in ("weight", "delay"):
        places = {fault.part for fault in faults if fault.number == number}
        assert places == set(range(len(NETWORK.projections)))
    assert {np.sign(fault.change) for fault in faults} == {1, -1}
    everything = draw_faults(NETWORK, 10**6, 0)
    assert len(set(everything)) == len(everything)
    assert everything[:120] == faults
    assert draw_faults(NETWORK, 120, 1) != faults


@settings(max_examples=examples(0.7))
@given(runs())
def test_every_mutant_is_legal_and_another_network(run: tuple[IntegerNetwork, Raster]) -> None:
    network, _ = run
    for fault in draw_faults(network, 40, 5):
        assert mutant(network, fault).content_hash != network.content_hash


def test_more_samples_see_more() -> None:
    few = mutation_score(NETWORK, SPIKES[:1])
    many = mutation_score(NETWORK, SPIKES)
    assert all(not seen or more for seen, more in zip(few.seen, many.seen, strict=True))
    deep = mutation_score(NETWORK, SPIKES, deep=True)
    assert many.n_seen < deep.n_seen
    generated = mutation_score(NETWORK, SPIKES[:0], generated=SPIKES)
    assert (generated.seen, generated.deep) == (deep.seen, True)


def test_the_same_arguments_give_the_same_score() -> None:
    assert mutation_score(NETWORK, SPIKES).as_json() == mutation_score(NETWORK, SPIKES).as_json()


def test_json_sentence_and_table_of_a_score() -> None:
    score = mutation_score(NETWORK, SPIKES, 50)
    plain = score.as_json()
    assert (plain["faults"], plain["seen"]) == (50, score.n_seen)
    assert sum(kind["faults"] for kind in plain["by_number"].values()) == 50
    assert len(plain["unseen"]) == len(score.unseen) == 50 - score.n_seen
    assert f"would have shown it in {score.n_seen} of 50 tries" in score.sentence()
    assert score.tables()[0].rows[-1] == ("all", 50, score.n_seen)
    assert "\n" not in repr(score)


@pytest.mark.parametrize(
    ("seen", "sentence", "least_tested"),
    [
        ([1, 1, 1, 1, 1], "in 5 of 5 tries", ""),
        ([1, 1, 1, 1, 0], "in 4 of 5 tries", "vth, shown in 0 of 1 tries"),
        ([1, 1, 0, 1, 1], "in 4 of 5 tries", "delay, shown in 1 of 2 tries"),
    ],
)
def test_the_number_that_is_shown_least_often(
    seen: list[int], sentence: str, least_tested: str
) -> None:
    faults = [
        Fault(number, "a", "projections", 0, (place,), 1)
        for place, number in enumerate(["weight", "weight", "delay", "delay", "vth"])
    ]
    score = MutationScore(faults, [*map(bool, seen)], 1, 0, False)
    assert score.sentence().endswith(sentence)
    assert least_tested in score.least_tested()
    assert bool(score.least_tested()) == bool(least_tested)


@pytest.mark.parametrize("n_steps", [0, 1])
def test_zero_steps_and_one_step(n_steps: int) -> None:
    spikes = Raster.silent(2, n_steps, NETWORK.channels.size)
    assert mutation_score(NETWORK, spikes, 30).n_seen <= 30


def test_a_network_without_input() -> None:
    bare = replace(NETWORK, projections=[])
    assert isinstance(simulate(bare, SPIKES), Recording)
    score = mutation_score(bare, SPIKES, 40)
    assert {fault.group for fault in score.faults} == {"populations"}
    for fault, seen in zip(score.faults, score.seen, strict=True):
        assert seen == differs(bare, fault, SPIKES, False)


def test_data_must_fit() -> None:
    other = random_raster(0, 1, 20, NETWORK.channels.size + 1)
    with refused(DataError, "input-channels-differ"):
        mutation_score(NETWORK, other)
    with refused(DataError, "input-channels-differ"):
        mutation_score(NETWORK, SPIKES, generated=other)
