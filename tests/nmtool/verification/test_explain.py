"""`explain`: single faults are detected, located and named; other differences are reported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.arithmetic import LOIHI2
from nmtool.exporters import c
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.explanation import DEEP, NOTHING, OUTSIDE
from tests import fault_table, faults
from tests.faults import Fault
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import flip_spike, shift_membrane
from tests.nmtool.conftest import LIBRARIES
from tests.refusals import refused
from tests.thorough import examples

NETWORK, SPIKES = faults.live_network(0, recurrent=True), faults.live_input(0)
EXPECTED = simulate(NETWORK, SPIKES, deep=True)
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def without_states(recording: Recording) -> Recording:
    return Recording(recording.readout, recording.spikes, recording.membrane)


def faulty(kind: str, *, seen_outside: bool = False) -> Fault:
    """A fault of a kind that changes the recording; with `seen_outside`, also without u and v."""
    for fault in faults.stored_faults(NETWORK, SPIKES, 0):
        actual = simulate(fault.network, SPIKES, deep=True)
        pair = (
            (without_states(EXPECTED), without_states(actual))
            if seen_outside
            else (EXPECTED, actual)
        )
        if fault.kind == kind and not nm.compare_recordings(*pair).identical:
            return fault
    raise AssertionError(f"no {kind} shows")


# Tests of faults of every kind


@pytest.mark.parametrize("recurrent", [True, False])
def test_single_faults_of_every_kind(recurrent: bool) -> None:
    missed: list[str] = []
    kinds = set()
    for network, fault in fault_table.all_faults(1, recurrent):
        count = fault_table.judged(network, fault, fault_table.run_simulator, 1, missed.append)
        assert count["seen"] == count["placed"] == count["exercised"], fault.name
        kinds |= {fault.kind} if count["named"] else set()
    assert missed == []
    assert kinds >= {"weight", "delay", "du", "dv", "bias_mantissa", "bias_exponent", "floor"}
    assert kinds >= {"weight_exponent", "decay-plus-one", "u-overflow", "v-overflow", "latency"}
    assert kinds >= {"reset", "reset_by", "at-threshold", "update-order", "input"}
    assert kinds >= {"most_spikes", "counts-ignored"}


@needs_compiler
@pytest.mark.parametrize("name", ["u rounds down", "no +1", "v is kept", "≥", "u stops"])
def test_a_program_with_a_wrong_line(name: str) -> None:
    explanation, fault = explained_rule(name, faults.run_c)
    assert any(map(fault.is_named_by, explanation.causes))
    assert explanation.tried_on == DEEP


def explained_rule(name: str, run: Callable[[Fault], Recording]) -> tuple[nm.Explanation, Fault]:
    """The explanation for a backend with a fault of the arithmetic."""
    hot, level = name in faults.HOT, name == faults.LEVEL
    network = faults.level_network(0) if level else faults.live_network(0, recurrent=True, hot=hot)
    [fault] = faults.rule_faults(network, SPIKES, [name])
    expected = simulate(network, SPIKES, deep=True)
    return nm.explain(network, SPIKES, expected, run(fault)), fault


@pytest.mark.parametrize("name", ["v rounds down", "no +1", "vth is subtracted", "≥", "v goes on"])
def test_a_graph_with_a_wrong_operator(name: str) -> None:
    for library in LIBRARIES["onnx"]:
        pytest.importorskip(library)
    explanation, fault = explained_rule(name, faults.run_onnx)
    assert any(map(fault.is_named_by, explanation.causes))


@pytest.mark.lava
@pytest.mark.parametrize("name", ["u rounds down", "v is kept"])
def test_a_model_of_lava_with_a_wrong_line(name: str) -> None:
    explanation, fault = explained_rule(name, faults.run_lava)
    assert any(map(fault.is_named_by, explanation.causes))


def test_graphs_of_real_numbers_name_every_stored_number() -> None:
    for library in LIBRARIES["nir"]:
        pytest.importorskip(library)
    for kind, count in fault_table.tally_nir(range(1)).items():
        assert count["seen"] == count["named"] == count["exercised"], kind


def test_a_graph_with_a_wrong_number() -> None:
    for library in LIBRARIES["onnx"]:
        pytest.importorskip(library)
    fault = faulty("delay")
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, faults.run_onnx(fault))
    assert explanation.single is not None
    assert fault.is_named_by(explanation.single)


@settings(max_examples=examples(0.8))
@given(
    seed=st.integers(0, 50),
    pre=st.integers(0, 8),
    post=st.integers(0, 8),
    steps=st.integers(-12, 30),
    weight=st.integers(-10, 10),
    most_spikes=st.sampled_from([1, 4, 255]),
)
def test_a_faulty_weight_or_delay_of_any_size_is_named(
    seed: int, pre: int, post: int, steps: int, weight: int, most_spikes: int
) -> None:
    network = faults.live_network(seed, recurrent=True)
    spikes = faults.live_input(seed, most_spikes=most_spikes)
    if most_spikes > 1:
        network = faults.counting(network, most_spikes)
    [index] = [i for i, p in enumerate(network.projections) if p.source == p.target]
    projection = network.projections[index]
    delays, weights = projection.delay.astype(int), projection.weight.astype(int)
    changed = projection
    about = {"population": "hidden", "source": "hidden", "pre": pre, "neuron": post}
    if steps:
        delays[pre, post] = abs(delays[pre, post] + steps)
        changed, truth = replace(projection, delay=delays), {"kind": "delay", **about}
        truth["actual"] = int(delays[pre, post])
    else:
        spacing = LOIHI2.weight_step(projection.weight_bits, mixed_signs=True)
        weights[pre, post] = weight * 16 // spacing * spacing
        changed, truth = replace(projection, weight=weights), {"kind": "weight", **about}
        truth["actual"] = int(weights[pre, post])
    fault = Fault(truth, faults.with_projection(network, index, changed), spikes)
    expected = simulate(network, spikes, deep=True)
    explanation = nm.explain(network, spikes, expected, simulate(fault.network, spikes, deep=True))
    assert explanation.place is None or any(map(fault.is_named_by, explanation.causes))


@pytest.mark.parametrize("kind", ["weight", "delay", "bias_mantissa", "du", "dv"])
def test_output_spikes_alone_are_enough(kind: str) -> None:
    fault = faulty(kind, seen_outside=True)
    actual = without_states(simulate(fault.network, SPIKES))
    explanation = nm.explain(NETWORK, SPIKES, without_states(EXPECTED), actual)
    assert explanation.tried_on == OUTSIDE
    assert any(map(fault.is_named_by, explanation.causes))


@pytest.mark.parametrize("deep", [False, True])
def test_weights_are_proposed_only_if_the_projection_can_have_them(deep: bool) -> None:
    seen = simulate(faulty("weight", seen_outside=True).network, SPIKES, deep=True)
    recordings = [r if deep else without_states(r) for r in (EXPECTED, seen)]
    causes = [c for c in nm.explain(NETWORK, SPIKES, *recordings).causes if c.kind == "weight"]
    assert causes
    for cause in causes:
        [projection] = [
            p
            for p in NETWORK.projections
            if (p.source, p.target) == (cause.source, cause.population)
        ]
        for value in {cause.actual, *(cause.span or ())}:
            weight = projection.weight.copy()
            weight[cause.pre, cause.neuron] = value
            assert replace(projection, weight=weight).weight[cause.pre, cause.neuron] == value


def test_synapses_that_always_fire_together_are_both_named() -> None:
    dense = SPIKES.dense()
    dense[:, :, 1] = dense[:, :, 0]
    spikes = Raster.from_dense(dense)
    first = NETWORK.projections[0]
    delay, weight = first.delay.copy(), first.weight.copy()
    delay[1], weight[0, 4], weight[1, 4] = delay[0], 16, 32
    base = replace(first, delay=delay, weight=weight)
    network = faults.with_projection(NETWORK, 0, base)
    weight = weight.copy()
    weight[1, 4] = 48
    other = faults.with_projection(NETWORK, 0, replace(base, weight=weight))
    expected, actual = (simulate(variant, spikes, deep=True) for variant in (network, other))
    explanation = nm.explain(network, spikes, expected, actual)
    pairs = [(cause.kind, cause.pre, cause.neuron, cause.actual) for cause in explanation.causes]
    assert pairs == [("weight", 0, 4, 32), ("weight", 1, 4, 48)]
    assert (explanation.single, explanation.n_causes) == (None, 2)


def test_states_left_over_from_the_previous_sample() -> None:
    dense = SPIKES.dense()
    joined = Raster.from_dense(np.concatenate([dense[:1], dense[1:2]], axis=1))
    long = simulate(NETWORK, joined, deep=True)
    half = faults.STEPS

    def second(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:, :half], values[:, half:]])

    actual = Recording(
        NETWORK.readout,
        {n: Raster.from_dense(second(r.dense())) for n, r in long.spikes.items()},
        *({n: second(v) for n, v in group.items()} for group in (long.membrane, long.current)),
        {n: second(v) for n, v in long.potential.items()},
    )
    expected = EXPECTED.concatenate([simulate(NETWORK, SPIKES[:2], deep=True)])
    explanation = nm.explain(NETWORK, SPIKES[:2], expected, actual)
    assert explanation.place is not None
    assert explanation.place.sample == 1
    assert [cause.kind for cause in explanation.causes] == ["state-kept"]


# Tests of differences without a single cause


def test_two_faults_have_no_single_cause() -> None:
    first = faulty("du")
    [hidden] = NETWORK.spiking
    both = faults.with_population(
        first.network, replace(hidden, vth=hidden.vth + 9, du=hidden.du + 1)
    )
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, simulate(both, SPIKES, deep=True))
    assert explanation.place is not None
    assert (list(explanation.causes), explanation.n_causes, explanation.tried_on) == ([], 0, DEEP)
    assert explanation.neurons > 1
    assert explanation.single is None


def test_arrivals_of_the_neuron_that_differs_first() -> None:
    explanation = nm.explain(
        NETWORK, SPIKES, EXPECTED, simulate(faulty("weight").network, SPIKES, deep=True)
    )
    place = explanation.place
    assert place is not None
    due = 0.0
    for arrival in explanation.arrivals:
        [projection] = [
            p
            for p in NETWORK.projections
            if (p.source, p.target) == (arrival.source, place.population)
        ]
        assert arrival.weight == projection.shifted_weight[arrival.neuron, place.neuron]
        assert arrival.step + 1 + arrival.delay == place.step
        due += arrival.weight
    u = EXPECTED.current[place.population][place.sample, :, place.neuron].astype(int)
    before = int(u[place.step - 1])
    decayed = abs(before) * (4096 - NETWORK.population(place.population).du - 1) >> 12
    assert u[place.step] == (decayed if before > 0 else -decayed) + 64 * due


def test_arrivals_and_inputs_say_how_many_spikes() -> None:
    network, spikes = faults.counting(NETWORK, 4), faults.live_input(0, most_spikes=4)
    counts = spikes.dense_counts()
    sample, step, channel = np.argwhere(counts == 3)[0].tolist()
    counts[sample, step, channel] = 2
    lost = Raster.from_dense(counts)
    expected, actual = (simulate(network, part, deep=True) for part in (spikes, lost))
    explanation = nm.explain(network, spikes, expected, actual)
    detail = f"channel {channel} has 2 spikes at step {step}, not 3"
    assert [cause.detail for cause in explanation.causes] == [detail]
    place, due = explanation.place, 0
    assert place is not None
    for arrival in explanation.arrivals:
        rasters = {"input": spikes, **expected.spikes}
        sent = rasters[arrival.source].dense_counts()[place.sample, arrival.step, arrival.neuron]
        assert (arrival.count, f"× {sent} (sent" in str(arrival)) == (sent, sent > 1)
        assert arrival.as_json().get("count", 1) == sent
        due += arrival.count
    assert due > len(explanation.arrivals)


def test_equal_recordings_have_no_explanation() -> None:
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, EXPECTED)
    assert (explanation.place, explanation.samples_different, explanation.tried_on) == (
        None,
        0,
        NOTHING,
    )
    assert str(explanation)
    assert repr(explanation)


def test_the_expected_recording_may_be_of_another_network() -> None:
    other = simulate(faulty("weight").network, SPIKES, deep=True)
    explanation = nm.explain(NETWORK, SPIKES, other, EXPECTED)
    assert [cause.kind for cause in explanation.causes] == ["expected-differs"]


# Tests of differences between two networks


def test_a_network_of_other_bits_has_a_first_difference() -> None:
    projections = [
        replace(p, weight=p.weight // 64 * 64, weight_bits=3, weight_exponent=0)
        for p in NETWORK.projections
    ]
    other = replace(NETWORK, projections=projections)
    actual = simulate(other, SPIKES, deep=True)
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, actual, other=other)
    assert explanation.place is not None
    assert explanation.place.quantity == "spike"
    assert explanation.other_arrivals is not None
    assert explanation.causes == []
    assert explanation.neurons > 1
    assert json.dumps(explanation.as_json()["others"])


def test_networks_that_differ_in_one_number() -> None:
    [hidden] = NETWORK.spiking
    other = faults.with_population(NETWORK, replace(hidden, vth=hidden.vth + 30))
    actual = simulate(other, SPIKES, deep=True)
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, actual, other=other)
    fault = Fault({"kind": "vth", "actual": hidden.vth + 30}, other, SPIKES)
    assert explanation.place is not None
    assert any(map(fault.is_named_by, explanation.causes))


def test_floats_and_integers() -> None:
    pytest.importorskip("torch")
    floats, integers = cases.float_network(), cases.integer_network()
    spikes = cases_raster()
    actual = nm.simulate(floats, spikes)
    expected = simulate(integers, spikes)
    explanation = nm.explain(integers, spikes, expected, actual, other=floats)
    assert (explanation.causes, explanation.tried_on) == ((), NOTHING)
    assert explanation.samples == spikes.n_samples
    different = expected.spikes["hidden"].dense() != actual.spikes["hidden"].dense()
    assert explanation.different["hidden"] == int(different.sum())


def cases_raster() -> Raster:
    return nm.bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 30).raster


# Tests of counts, JSON and refused calls


def test_counts_and_plain_values() -> None:
    fault = faulty("dv")
    actual = simulate(fault.network, SPIKES, deep=True)
    explanation = nm.explain(NETWORK, SPIKES, EXPECTED, actual, backend="simulator")
    for name in ("hidden", "out"):
        apart = (EXPECTED.v[name] != actual.v[name]) | (
            EXPECTED.current[name] != actual.current[name]
        )
        if name == "hidden":
            apart |= EXPECTED.spikes[name].dense() != actual.spikes[name].dense()
        assert explanation.different[name] == int(apart.sum())
    plain = json.loads(json.dumps(explanation.as_json()))
    assert plain["place"]["population"] == explanation.place.population  # type: ignore[union-attr]
    assert (plain["backend"], plain["n_causes"]) == ("simulator", len(plain["causes"]))
    assert {"kind", "population", "expected", "actual"} <= set(plain["causes"][0])
    assert explanation.summary()
    assert "\n" not in repr(explanation)


def test_recordings_of_another_network_or_input_are_refused() -> None:
    with refused(nm.DataError, "recordings-incomparable"):
        nm.explain(NETWORK, SPIKES, EXPECTED, simulate(NETWORK, SPIKES[:1], deep=True))
    with refused(nm.DataError, "recording-other-input"):
        nm.explain(NETWORK, SPIKES[:1], EXPECTED, EXPECTED)
    with refused(nm.DataError, "recording-other-network"):
        nm.explain(faults.live_network(0, recurrent=False), SPIKES, EXPECTED, EXPECTED)
    narrow = Raster.from_dense(SPIKES.dense()[:, :, :3])
    with refused(nm.DataError, "input-channels-differ"):
        nm.explain(NETWORK, narrow, EXPECTED, EXPECTED)


# Tests of explanations in `verify`


@needs_compiler
@pytest.mark.parametrize("deep", [True, False])
def test_verify_explains_a_difference(deep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, right = faulty("bias_mantissa", seen_outside=True), c.runtime.run

    def run(data: bytes, network: IntegerNetwork, *others: Any, **more: Any) -> Recording:
        return right(c.file.written(fault.network)[""], fault.network, *others, **more)

    monkeypatch.setattr(c.runtime, "run", run)
    certificate = nm.verify(NETWORK, SPIKES, against=["c"], deep=deep)
    check = certificate.checks["c"]
    explanation = check.explanation
    assert explanation is not None
    assert (explanation.backend, explanation.tried_on, explanation.samples) == ("c", DEEP, 3)
    assert any(map(fault.is_named_by, explanation.causes))
    assert str(explanation.causes[0]) in str(certificate)
    assert certificate.as_json()["backends"]["c"]["explanation"]["causes"]
    assert explanation.place is not None
    assert explanation.place.sample == check.comparison.first_divergence.sample  # type: ignore[union-attr]


@needs_compiler
def test_verify_remarks_that_a_sample_alone_does_not_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right, network, spikes = c.runtime.run, cases.integer_network(), cases_raster()
    monkeypatch.setattr(
        c.runtime,
        "run",
        lambda *arguments, **options: flip_spike(3, 11, 2)(right(*arguments, **options)),
    )
    explanation = nm.verify(network, spikes, against=["c"]).checks["c"].explanation
    assert explanation is not None
    assert explanation.place is not None
    assert (explanation.place.sample, explanation.place.step) == (3, 11)
    assert explanation.remark
    assert (explanation.samples_different, explanation.different) == (1, {"hidden": 1, "out": 0})


@needs_compiler
def test_verify_of_an_export_without_data_explains_a_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    path = nm.export(NETWORK, f"{tmp_path}/network.c")
    right = c.runtime.run
    monkeypatch.setattr(
        c.runtime,
        "run",
        lambda *arguments, **options: shift_membrane(0, 7, 1, 64)(right(*arguments, **options)),
    )
    explanation = nm.verify(path).checks["c"].explanation
    assert explanation is not None
    assert explanation.place is not None
    assert (explanation.place.step, explanation.place.neuron) == (7, 1)
