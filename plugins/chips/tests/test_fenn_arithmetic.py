"""`fenn16`: its step compared with an independent one, and its simulators with each other."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool import storage
from nmtool.arithmetic import LOIHI2
from nmtool.errors import NetworkError
from nmtool.hardware_sim import reference
from nmtool.hardware_sim.kernel import compiled_step
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.rules import Rules
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, SUBTRACT, InputChannels
from nmtool.network.integer_network import (
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing import check_arithmetic, registered
from nmtool.testing.arithmetics import step_by_rules
from nmtool.testing.networks import random_network
from nmtool.verification.causes import Case
from nmtool.verification.explain import explain
from nmtool.verification.faults import draw_faults, mutant, shows
from nmtool_chips.fenn import fenn16
from nmtool_chips.fenn.fenn16 import FENN16, neuron_step
from plugins.chips.tests import fenn_arithmetic
from tests.refusals import refused
from tests.thorough import examples

LOWEST, HIGHEST = -(1 << 15), (1 << 15) - 1
states = st.one_of(st.integers(LOWEST, HIGHEST), st.sampled_from([LOWEST, -1, 0, 1, HIGHEST]))
keeps = st.one_of(st.integers(0, 32767), st.sampled_from([0, 1, 16384, 32767]))


def test_promises_of_an_arithmetic() -> None:
    check_arithmetic(FENN16, examples(0.25))


@given(states, states, states, st.booleans(), keeps, keeps, st.integers(1, 32768))
def test_a_step_equals_the_definition(
    a: int, u: int, v: int, spiked: bool, keep_u: int, keep_v: int, vth: int
) -> None:
    after = neuron_step(a, u, v, 0, keep_u, keep_v, vth)
    expected_u = fenn_arithmetic.clip(fenn_arithmetic.decayed(keep_u, np.array(u)) + a)
    peak = fenn_arithmetic.clip(fenn_arithmetic.decayed(keep_v, np.array(v)) + expected_u)
    assert (after.u, after.peak) == (expected_u, peak)
    assert after.spiked == (peak >= vth)
    assert after.v == (0 if after.spiked else peak)
    assert compiled_step(FENN16.module)(a, u, v, 0, keep_u, keep_v, vth) == after
    step = (a, u, v, 0, keep_u, keep_v, vth)
    by_rules = step_by_rules(Rules.of(FENN16), step, spiked=spiked)
    assert by_rules == (after.u, after.v, after.spiked, after.peak)
    assert FENN16.decayed(np.array([u]), keep_u) == fenn_arithmetic.decayed(keep_u, np.array(u))


def crowded_network(seed: int) -> IntegerNetwork:
    """Many sources with large weights, so that sums of arrivals clip and their order matters."""
    random = np.random.default_rng(seed)

    def projection(source: str, pre: int, most: int) -> IntegerProjection:
        shape = (pre, 40)
        weight = random.choice([most, -most], shape, p=[0.9, 0.1]) * random.choice([0, 1], shape)
        # Most spikes of a burst have the same delay, so that they arrive in the same step.
        delay = random.choice([0, 1, 5, 63], shape, p=[0.05, 0.05, 0.85, 0.05])
        return IntegerProjection(source, "hidden", weight, delay, 9, arithmetic="fenn16")

    hidden = IntegerPopulation(
        "hidden", 40, "lif", 6000, 1600, int(random.choice([900, 32767])), 1.0, arithmetic="fenn16"
    )
    return IntegerNetwork(
        InputChannels(400),
        [hidden],
        [projection(INPUT, 400, 255), projection("hidden", 40, 200), projection(INPUT, 400, -255)],
        Readout("hidden", "first_spike"),
        dt_ms=1.0,
        n_steps=90,
        arithmetic="fenn16",
    )


def check_against_numpy(network: IntegerNetwork, spikes: Raster, recording: Recording) -> None:
    for sample, dense in enumerate(spikes.dense().astype(np.int64)):
        for name, (u, v, spiked) in fenn_arithmetic.run(network, dense).items():
            assert (recording.current[name][sample] == u).all()
            assert (recording.v[name][sample] == v).all()
            if name in recording.spikes:
                assert (recording.spikes[name].dense()[sample] == spiked).all()


def equal(first: Recording, second: Recording) -> bool:
    return first.spikes == second.spikes and all(
        (mine[name] == theirs[name]).all()
        for mine, theirs in (
            (first.current, second.current),
            (first.potential, second.potential),
            (first.membrane, second.membrane),
        )
        for name in mine
    )


@settings(max_examples=examples(2), deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.booleans(), st.sampled_from([0.02, 0.3, 1]))
def test_random_networks_equal_two_references(
    seed: int, n_hidden: int, spiking_output: bool, rate: float
) -> None:
    network = random_network(seed, n_hidden, spiking_output, FENN16)
    spikes = Raster.from_dense(np.random.default_rng(seed).random((2, 70, 5)) < rate)
    recording = simulate(network, spikes, deep=True)
    assert equal(recording, run_reference(network, spikes))
    check_against_numpy(network, spikes, recording)


@settings(max_examples=examples(0.7), deadline=None)
@given(st.integers(0, 10**6))
def test_sums_that_clip_add_up_in_order(seed: int) -> None:
    network = crowded_network(seed)
    dense = np.random.default_rng(seed).random((1, 90, 400)) < 0.05
    dense[0, [3, 4, 40]] = True
    spikes = Raster.from_dense(dense)
    recording = simulate(network, spikes, deep=True)
    assert equal(recording, run_reference(network, spikes))
    check_against_numpy(network, spikes, recording)
    session = Session(network, keep=90)
    step, channel = np.nonzero(dense[0])
    session.feed(channel[::-1], step[::-1].astype(float))
    session.step(90)
    assert equal(session.recent(), recording)
    assert Case(network, spikes, recording, [0]).deviating == {}
    for fault in draw_faults(network, 12, seed):
        wrong = mutant(network, fault)
        deviates = bool(Case(wrong, spikes, recording, [0]).deviating)
        assert shows(wrong, spikes, recording) == deviates


@pytest.mark.parametrize("channel", [7, 40, 399])
def test_causes_in_the_input_are_named_if_sums_clip(channel: int) -> None:
    network = crowded_network(3)
    dense = np.random.default_rng(0).random((1, 90, 400)) < 0.1
    dense[0, [3, 4, 40]] = True
    dense[0, 20, channel] = False
    spikes = Raster.from_dense(dense)
    for step, detail in ((20, "added"), (40, "missing"), (None, "silent")):
        other = dense.copy()
        other[0, slice(None) if step is None else step, channel] = detail == "added"
        recording = simulate(network, Raster.from_dense(other), deep=True)
        [cause] = explain(network, spikes, simulate(network, spikes, deep=True), recording).causes
        assert (cause.kind, cause.pre, cause.step) == ("input", channel, step)
        assert detail in cause.detail


def test_the_order_of_projections_and_sources_matters_if_sums_clip() -> None:
    """If it did not, the test above would pass for any order."""
    network = crowded_network(1)
    turned = [network.projections[i] for i in (2, 1, 0)]
    reordered = dataclasses.replace(network, projections=turned)
    spikes = Raster.from_dense(np.ones((1, 9, 400)))
    recording = run_reference(network, spikes)
    assert not equal(recording, run_reference(reordered, spikes))
    for word in (1, 16, 400):
        with registered(dataclasses.replace(FENN16, word=word)):
            assert not equal(recording, run_reference(network, spikes))
    with refused(NetworkError, "sums-clip"):
        network.check_sums()
    random_network(0, 2, spiking_output=True, runs_in=FENN16).check_sums()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vth": 0}, "constant-range"),
        ({"vth": 32768}, "constant-range"),
        ({"du": 32768}, "constant-range"),
        ({"bias_mantissa": 1}, "bias-mantissa-range"),
        ({"bias_exponent": 1}, "constant-range"),
        ({"kind": "li", "vth": 131072}, "li-threshold"),
        ({"arithmetic": "fenn17"}, "arithmetic-unknown"),
    ],
)
def test_a_population_beyond_the_arithmetic(changes: dict[str, object], code: str) -> None:
    numbers = {"du": 32767, "dv": 32767, "vth": 32767, "scale": 1.0, "arithmetic": "fenn16"}
    IntegerPopulation("hidden", 2, "lif", **numbers)  # type: ignore[arg-type]
    with refused(NetworkError, code):
        IntegerPopulation(**{"name": "hidden", "size": 2, "kind": "lif", **numbers, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weight": [[256]]}, "weights-range"),
        ({"weight_bits": 8}, "weights-step"),
        ({"weight_bits": 10}, "projection-bits-range"),
        ({"weight_exponent": 1}, "projection-exponent-range"),
        ({"weight_exponent": -1}, "projection-exponent-range"),
        ({"delay": [[64]]}, "delays-not-steps"),
    ],
)
def test_a_projection_beyond_the_arithmetic(changes: dict[str, object], code: str) -> None:
    numbers = {"weight": [[-255]], "delay": [[63]], "weight_bits": 9, "arithmetic": "fenn16"}
    IntegerProjection("input", "hidden", **numbers)  # type: ignore[arg-type]
    with refused(NetworkError, code):
        IntegerProjection("input", "hidden", **{**numbers, **changes})  # type: ignore[arg-type]


def lively_network() -> IntegerNetwork:
    random = np.random.default_rng(4)

    def projection(source: str, pre: int) -> IntegerProjection:
        weight, delay = random.integers(-60, 100, (pre, 12)), random.integers(0, 64, (pre, 12))
        return IntegerProjection(source, "hidden", weight, delay, 9, arithmetic="fenn16")

    hidden = IntegerPopulation("hidden", 12, "lif", 6000, 1600, 300, 1.0, arithmetic="fenn16")
    return IntegerNetwork(
        InputChannels(20),
        [hidden],
        [projection(INPUT, 20), projection("hidden", 12)],
        Readout("hidden", "first_spike"),
        dt_ms=1.0,
        n_steps=100,
        arithmetic="fenn16",
    )


@pytest.mark.parametrize(
    ("right", "wrong", "cause"),
    [
        ("(u * keep_u + HALF)", "(u * keep_u)", ("floor", "u")),
        (" + HALF)", ")", ("floor", "the decay of u and v")),
        ("u * keep_u", "u * (keep_u + 1)", ("decay-plus-one", "keep u·(32768 − du), not")),
        ("v >= vth", "v > vth", ("above-threshold", "")),
    ],
)
def test_a_wrong_line_of_the_step_is_named(
    right: str, wrong: str, cause: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first case has the results of `I *= Beta` in FeNN, in every rounding mode."""
    source, names = inspect.getsource(fenn16), dict[str, Any]()
    assert right in source
    exec(source.replace(right, wrong), names)
    network = lively_network()
    spikes = Raster.from_dense(np.random.default_rng(0).random((6, 100, 20)) < 0.1)
    expected = simulate(network, spikes, deep=True)
    step = np.frompyfunc(names["neuron_step"], 7, 1)
    monkeypatch.setattr(reference, "_step", lambda _: step)
    causes = explain(network, spikes, expected, reference.run_reference(network, spikes)).causes
    assert cause[0] in [candidate.kind for candidate in causes]
    assert any(
        candidate.detail.startswith(cause[1]) for candidate in causes if candidate.kind == cause[0]
    )
    assert all(str(candidate) and candidate.arithmetic == "fenn16" for candidate in causes)


def test_a_wrong_reset_is_named() -> None:
    network = lively_network()
    subtracting = dataclasses.replace(
        network, populations=[dataclasses.replace(network.populations[0], reset=SUBTRACT)]
    )
    spikes = Raster.from_dense(np.random.default_rng(0).random((6, 100, 20)) < 0.1)
    expected, actual = (simulate(n, spikes, deep=True) for n in (network, subtracting))
    cause = explain(network, spikes, expected, actual).single
    assert cause is not None
    assert (cause.kind, cause.detail) == ("reset", "the threshold is subtracted from v")


def test_a_file_names_its_arithmetic(tmp_path: Path) -> None:
    for runs_in in (LOIHI2, FENN16):
        network = random_network(0, 1, spiking_output=True, runs_in=runs_in)
        network.save(tmp_path / "network.npz")
        assert IntegerNetwork.load(tmp_path / "network.npz") == network
    header, arrays = storage.pack(random_network(0, 1, spiking_output=True))
    del header["arithmetic"]
    storage.write_archive(tmp_path / "old.npz", IntegerNetwork.file_kind, 1, header, arrays)
    assert IntegerNetwork.load(tmp_path / "old.npz").runs_in == LOIHI2


def test_a_network_has_one_arithmetic() -> None:
    network = random_network(0, 1, spiking_output=True, runs_in=FENN16)
    assert network.runs_in == FENN16
    with refused(NetworkError, "arithmetics-differ"):
        dataclasses.replace(network, arithmetic=LOIHI2.name)
