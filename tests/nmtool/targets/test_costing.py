"""`cost`: all figures compared with loops over dense arrays or manual results; unknown figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.data.samples import Samples
from nmtool.errors import DataError, MissingError, UsageError
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.targets.costs import COUNTS, Spread
from nmtool.targets.footprint import Footprint
from nmtool.testing.networks import random_network, random_raster
from tests.networks.drawn import integer_networks, rasters
from tests.networks.speech import speech_network, speech_raster
from tests.nmtool.cli import cases
from tests.refusals import refused
from tests.thorough import examples

EVENTS = cases.spike_events(cases.N_TEST, 2)
SPEECH = {
    "234-256-10": (speech_network(234, 256, 10, recurrent=True), speech_raster(234)),
    "700-512-20": (speech_network(700, 512, 20, recurrent=False), speech_raster(700)),
}
CORES = {"234-256-10": {"hidden": 2, "output": 1}, "700-512-20": {"hidden": 5, "output": 1}}
"""Cores on Loihi 1. Neurons per core with 490 synapses of 14 bits: 152 by memory, 128 by
accumulators; with 700 synapses: 106 by memory; with 256 and 512: 128 by accumulators."""


def samples_of(raster: Raster) -> Samples:
    return Samples(raster, np.zeros(raster.n_samples, np.int64))


def dense_spikes(network: IntegerNetwork, raster: Raster) -> dict[str, NDArray[np.bool_]]:
    """Dense spikes by source, [samples, steps, neurons]."""
    recorded = nm.simulate(network, raster).spikes
    return {name: train.dense() for name, train in {INPUT: raster, **recorded}.items()}


def spread(counts: list[list[float]]) -> dict[str, Any]:
    """The spread of counts by sample and step, in plain Python."""
    samples = [sum(steps) for steps in counts]
    ranked = sorted(samples)
    at_least = -(-95 * len(samples) // 100)
    values = [count for steps in counts for count in steps]
    return {
        "mean": sum(samples) / len(samples),
        "p95": ranked[at_least - 1],
        "worst": ranked[-1],
        "worst_sample": samples.index(ranked[-1]),
        "step_mean": sum(values) / len(values),
        "step_worst": max(values),
        "total": sum(samples),
    }


def recounted(network: IntegerNetwork, raster: Raster) -> dict[str, dict[str, dict[str, Any]]]:
    """All counts by name and part, computed step by step on dense arrays."""
    spikes = dense_spikes(network, raster)
    places = [(sample, range(raster.n_steps)) for sample in range(raster.n_samples)]

    def over(count: Any) -> dict[str, Any]:
        return spread([[int(count(s, t)) for t in steps] for s, steps in places])

    counts: dict[str, dict[str, Any]] = {name: {} for name in COUNTS}
    for p in network.projections:
        name, full = f"{p.source} → {p.target}", p.weight != 0
        counts["synaptic_events"][name] = over(
            lambda s, t, p=p, full=full: (spikes[p.source][s, t][:, None] & full).sum()
        )
        counts["synapses_read"][name] = over(
            lambda s, t, p=p: spikes[p.source][s, t].sum() * p.weight.shape[1]
        )
    for p in network.populations:
        counts["neuron_updates"][p.name] = over(lambda s, t, p=p: p.size)
    for name, train in spikes.items():
        if name != INPUT:
            counts["spikes"][name] = over(lambda s, t, train=train: train[s, t].sum())
        goals = {p.target for p in network.projections if p.source == name}
        reached = {
            goal: np.any(
                [
                    (p.weight != 0).any(axis=1)
                    for p in network.projections
                    if (p.source, p.target) == (name, goal)
                ],
                axis=0,
            )
            for goal in goals
        }
        counts["messages"][name] = over(
            lambda s, t, train=train, reached=reached: sum(
                (train[s, t] & sources).sum() for sources in reached.values()
            )
        )
    counts["input_spikes"] = {}
    return counts


@pytest.mark.parametrize("name", SPEECH)
def test_counts_of_speech_networks_are_those_of_a_dense_loop(name: str) -> None:
    network, raster = SPEECH[name]
    cost, expected = nm.cost(network, samples_of(raster)), recounted(network, raster)
    plain = cost.as_json()
    for count in COUNTS:
        assert plain[count]["parts"] == expected[count], count
    entered = raster.dense().sum(axis=2).tolist()
    assert plain["input_spikes"]["total"] == spread(entered)
    events = sum(part["total"] for part in expected["synaptic_events"].values())
    assert cost.synaptic_events.total.total == events > 10_000
    assert cost.effective_acs == events / 3
    assert cost.dense_operations == 40 * sum(p.weight.size for p in network.projections)
    hidden = network.population("hidden").size
    emitted = expected["spikes"]["hidden"]["total"]
    assert cost.activation_sparsity == (3 * 40 * hidden - emitted) / (3 * 40 * hidden)
    zeros = sum(int((p.weight == 0).sum()) for p in network.projections)
    assert cost.connection_sparsity == zeros / sum(p.weight.size for p in network.projections)
    assert (cost.bits, cost.samples, cost.steps) == ("8/6", 3, 40)


@pytest.mark.parametrize("name", SPEECH)
def test_energy_and_latency_of_speech_networks_are_those_of_a_dense_loop(name: str) -> None:
    network, raster = SPEECH[name]
    cost = nm.cost(network, samples_of(raster), target="loihi1")
    spikes, of = dense_spikes(network, raster), CORES[name]
    cores = []
    for p in network.populations:
        cuts = [p.size * k // of[p.name] for k in range(of[p.name] + 1)]
        cores += [(p.name, cuts[k], cuts[k + 1]) for k in range(of[p.name])]
    assert cost.cores == len(cores) == sum(of.values())
    # The chip also stores synapses of weight 0. Therefore a spike reads every synapse and goes to
    # every core of its targets.
    reached = {
        source: [
            c for c in cores for p in network.projections if (p.source, p.target) == (source, c[0])
        ]
        for source in spikes
    }
    tiles = -(-len(cores) // 4)
    barrier = {1: 600, 2: 1000}[tiles]
    energy, latency, messages = [], [], []
    for sample in range(raster.n_samples):
        rows: list[list[float]] = [[], [], []]
        for step in range(raster.n_steps):
            emitted = {source: int(train[sample, step].sum()) for source, train in spikes.items()}
            slowest, joule = 0.0, 0.0
            for population, first, end in cores:
                arrivals = sum(
                    n for s, n in emitted.items() if (population, first, end) in reached[s]
                )
                events = arrivals * (end - first)
                own = int(
                    spikes.get(population, np.zeros((9, 99, 0)))[sample, step, first:end].sum()
                )
                out = own * len(reached.get(population, []))
                taken = (
                    16 * arrivals + 3.8 * events + (6 + 3.7) * (end - first) + 30 * own + 5.1 * out
                )
                slowest = max(slowest, taken)
                joule += 35.5 * events + (51.2 + 21.6) * (end - first) + 69.3 * own + 111 * out
            rows[0].append(joule / 1e6)
            rows[1].append((slowest + barrier) / 1e3)
            rows[2].append(sum(n * len(reached[source]) for source, n in emitted.items()))
        energy.append(rows[0])
        latency.append(rows[1])
        messages.append(rows[2])
    assert vars(cost.energy.spread) == pytest.approx(spread(energy))
    assert vars(cost.latency.spread) == pytest.approx(spread(latency))
    assert vars(cost.messages.total) == spread(messages)
    assert (cost.energy.unit, cost.latency.unit) == ("µJ", "µs")


def small_network() -> tuple[IntegerNetwork, Raster]:
    """Neurons without memory: a spike over a weight of 20 makes its target spike at once.

    Sample 0: channel 0 spikes in step 0, neurons 0 and 2 in step 1, neuron 1 in step 3, because
    of neuron 0. Sample 1: channel 1 spikes in step 1, neuron 1 in step 2.
    """
    into = IntegerProjection(INPUT, "hidden", [[20, 0, 20], [0, 20, 0]], np.zeros((2, 3)))
    delay = np.zeros((3, 3))
    delay[0, 1] = 1
    within = IntegerProjection("hidden", "hidden", [[0, 20, 0], [0] * 3, [0] * 3], delay)
    onto = IntegerProjection("hidden", "out", [[2, 4], [0, 0], [0, 2]], np.zeros((3, 2)))
    network = IntegerNetwork(
        InputChannels(2),
        [
            IntegerPopulation("hidden", 3, LIF, 4094, 4095, 10, scale=1.0),
            IntegerPopulation("out", 2, LI, 4094, 4095, SILENT_THRESHOLD, scale=1.0),
        ],
        [into, within, onto],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=4,
    )
    inputs = np.zeros((2, 4, 2))
    inputs[0, 0, 0] = inputs[1, 1, 1] = 1
    return network, Raster.from_dense(inputs)


def test_a_small_network_by_hand() -> None:
    network, raster = small_network()
    cost = nm.cost(network, samples_of(raster))
    totals = {name: [part.total for part in getattr(cost, name).parts.values()] for name in COUNTS}
    assert totals == {
        "synaptic_events": [3, 1, 3],
        "synapses_read": [6, 12, 8],
        "neuron_updates": [24, 16],
        "input_spikes": [],
        "spikes": [4],
        "messages": [2, 3],
    }
    assert cost.synaptic_events.total == Spread(3.5, 6, 6, 0, 7 / 8, 4, 7)
    assert cost.messages.total == Spread(2.5, 4, 4, 0, 5 / 8, 3, 5)
    assert cost.input_spikes.total == Spread(1.0, 1, 1, 0, 0.25, 1, 2)
    assert (cost.effective_acs, cost.effective_macs, cost.dense_operations) == (3.5, 0, 84)
    assert cost.connection_sparsity == 14 / 21
    assert cost.activation_sparsity == 20 / 24
    rows = dict(cost.tables()[1].rows)
    assert (rows["activation sparsity"], rows["connection sparsity"]) == ("83.33%", "66.67%")
    assert cost.bits == "8/1"
    # The bits of the parameters are: 6 + 6 synapses of 8 bits, 9 synapses of 9 bits, exponents,
    # biases, and constants of populations. The bytes of the state are: u and v, and the sums that
    # arrive in future steps.
    assert cost.footprint["chip integers"] == Footprint(-(-(48 + 81 + 48 + 12 + 65 + 88) // 8), 46)
    assert cost.footprint["torch copy"] == Footprint(4 * (42 + 20), 4 * (3 * 4 + 2 * 3))


def test_estimates_of_a_small_network_by_hand() -> None:
    network, raster = small_network()
    cost = nm.cost(network, samples_of(raster), target="loihi1")
    assert cost.energy.spread is not None
    assert cost.latency.spread is not None
    # Both cores also store synapses of weight 0. A spike of the input reads 3 synapses. A spike of
    # a hidden neuron reads 5 synapses on the two cores together.
    updates = 20 * (51.2 + 21.6)
    first = 35.5 * (3 + 3 * 5) + updates + 3 * 69.3 + 6 * 111
    second = 35.5 * (3 + 5) + updates + 69.3 + 2 * 111
    assert cost.energy.spread.worst == pytest.approx(first / 1e6)
    assert cost.energy.spread.total == pytest.approx((first + second) / 1e6)
    # The core of the hidden neurons is the slowest core in every step.
    idle, hears = 3 * 9.7, 16 + 3 * 3.8
    fires = 30 + 2 * 5.1
    steps = [idle + hears, idle + 2 * (hears + fires), idle, idle + hears + fires]
    assert cost.latency.spread.worst == pytest.approx((sum(steps) + 4 * 600) / 1e3)
    assert cost.latency.spread.step_worst == pytest.approx((steps[1] + 600) / 1e3)
    others = [idle, idle + hears, idle + hears + fires, idle]
    assert cost.latency.spread.total == pytest.approx((sum(steps) + sum(others) + 8 * 600) / 1e3)
    assert cost.messages.total.total == 2 + 2 * 4


@settings(max_examples=examples(1))
@given(st.data())
def test_parts_sum_to_totals_and_to_results_of_evaluate(data: st.DataObject) -> None:
    network = data.draw(integer_networks())
    raster = data.draw(rasters(network.channels.size, max_steps=20))
    samples = samples_of(raster)
    cost, evaluated = nm.cost(network, samples), nm.evaluate(network, samples)
    for name in COUNTS:
        counted = getattr(cost, name)
        if name != "input_spikes":
            assert sum(part.total for part in counted.parts.values()) == counted.total.total
        assert counted.total.mean * cost.samples == pytest.approx(counted.total.total)
        assert counted.total.worst <= counted.total.total
        assert counted.total.p95 <= counted.total.worst
    assert cost.synaptic_events.total.mean == evaluated.synaptic_events_per_sample
    assert cost.neuron_updates.total.mean == evaluated.neuron_updates_per_sample
    assert cost.effective_acs == evaluated.synaptic_events_per_sample
    assert cost.accuracy == evaluated.accuracy
    assert len(cost.synaptic_events.parts) == len(network.projections)
    for name, rate in evaluated.spikes_per_neuron.items():
        size = network.population(name).size
        assert cost.spikes.parts[name].mean == pytest.approx(rate * size)
    read, events = cost.synapses_read.total.total, cost.synaptic_events.total.total
    assert events <= read <= cost.dense_operations * cost.samples


@given(st.lists(st.lists(st.integers(0, 99), min_size=2, max_size=2), min_size=1, max_size=60))
def test_spreads_over_samples_and_steps(counts: list[list[int]]) -> None:
    assert vars(Spread.of(np.array(counts))) == spread(counts)


# Tests of targets


@settings(max_examples=examples(1))
@given(st.data())
def test_energy_is_the_sum_over_events(data: st.DataObject) -> None:
    network = data.draw(integer_networks())
    raster = data.draw(rasters(network.channels.size, max_steps=20))
    cost = nm.cost(network, samples_of(raster), target="loihi1")
    inner = cost.messages.total.total - cost.messages.parts[INPUT].total
    expected = 35.5 * cost.synapses_read.total.total + 111 * inner
    expected += (51.2 + 21.6) * cost.neuron_updates.total.total
    expected += 69.3 * cost.spikes.total.total
    assert cost.energy.spread is not None
    assert cost.energy.spread.total == pytest.approx(expected / 1e6)
    assert cost.latency.spread is not None
    assert cost.latency.spread.total > 0.6 * raster.n_steps * raster.n_samples


def test_without_a_target_nothing_is_estimated() -> None:
    cost = nm.cost(cases.integer_network(), EVENTS)
    for estimate in (cost.energy, cost.latency):
        assert estimate.spread is None
        assert estimate.absent
        assert estimate.as_json().keys() == {"absent"}
    assert (cost.target, cost.cores, cost.grouping) == ("", None, "")
    assert cost.constants() == []


def test_loihi_2_has_no_figures_and_those_of_loihi_1_are_named() -> None:
    network = cases.integer_network()
    cost = nm.cost(network, EVENTS, target="loihi2")
    assert cost.energy.spread is cost.latency.spread is None
    (note,) = cost.notes()
    assert "Loihi 2" in note
    assert note.startswith("latency and energy: not given"), "one sentence says both"
    estimate = nm.cost(network, EVENTS, target="loihi2", energy_of="loihi1")
    own = nm.cost(network, EVENTS, target="loihi1")
    for name in ("energy", "latency"):
        mine, its = getattr(estimate, name), getattr(own, name)
        assert mine.boundary == f"{its.boundary}, not of Intel Loihi 2"
        assert "published per-event figures of Intel Loihi" in its.boundary
        assert mine.spread.mean > 0
        assert f"{name}: {mine.boundary}" in estimate.summary()
    assert "dynamic energy, cores" in own.energy.boundary
    assert "axon in" in own.energy.note
    assert {c.name for c in own.energy.constants} == {
        *("synaptic_event", "neuron_access", "neuron_update", "spike_out", "axon_out"),
    }
    assert {c.target for c in estimate.constants()} == {"loihi1"}
    assert all(c.mark == "published" and "Davies" in c.source for c in own.constants())
    assert nm.cost(network, EVENTS, energy_of="loihi1").energy == own.energy


def test_a_target_without_cores_counts_populations(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nkind = "chip"\n[sources]\nbench = "my bench"\n[energy_pj]\n'
        'synaptic_event = { value = 2, mark = "measured", source = "bench" }\n'
        'neuron_update = { value = 0.5, mark = "inferred" }\n[core]\n'
        'dense = { value = false, mark = "measured", source = "bench" }\n',
        encoding="utf-8",
    )
    cost = nm.cost(cases.integer_network(), EVENTS, target=file)
    assert cost.cores is None
    assert "each population on one core" in cost.energy.note
    assert "measured and inferred per-event figures of mine" in cost.energy.boundary
    events, updates = cost.synaptic_events.total, cost.neuron_updates.total
    assert cost.energy.spread is not None
    assert cost.energy.spread.total == pytest.approx((2 * events.total + 0.5 * updates.total) / 1e6)
    assert cost.latency.spread is None


def test_a_network_that_fits_on_no_core_is_not_estimated(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(
        'name = "tiny"\nkind = "chip"\n[energy_pj]\n'
        'synaptic_event = { value = 2, mark = "inferred" }\n'
        'neuron_update = { value = 0.5, mark = "inferred" }\n[core]\n'
        'accumulators = { value = 3, mark = "inferred" }\n',
        encoding="utf-8",
    )
    cost = nm.cost(cases.integer_network(), EVENTS, target=file)
    assert cost.energy.spread is None
    assert "accumulators" in cost.energy.absent
    assert cost.cores is None
    assert cost.synaptic_events.total.total > 0


def test_another_arithmetic_is_a_remark() -> None:
    mine = nm.Target("mine", arithmetic="")
    (remark,) = nm.cost(cases.integer_network(), EVENTS, target=mine).remarks
    assert "loihi2" in remark


def test_floats_are_counted_and_not_estimated() -> None:
    cost = nm.cost(cases.float_network(), EVENTS, target="loihi1")
    assert cost.arithmetic == "float"
    assert cost.bits == ""
    assert cost.energy.spread is cost.latency.spread is cost.cores is None
    assert "footprint of chip integers" in cost.absent
    assert set(cost.footprint) == {"torch copy"}
    assert cost.value("footprint") is None
    assert cost.synaptic_events.total.total > 0
    rate = nm.evaluate(cases.float_network(), EVENTS).spikes_per_neuron["hidden"]
    assert cost.spikes.parts["hidden"].mean == pytest.approx(3 * rate)


# Tests of the C export as a target


@pytest.fixture
def compiler() -> None:
    from nmtool.exporters.c.compiler import find

    try:
        find()
    except MissingError:
        pytest.skip("there is no C compiler")


@pytest.mark.usefixtures("compiler")
def test_c_is_measured() -> None:
    from nmtool.exporters.c.source import memory

    network = cases.integer_network()
    cost = nm.cost(network, EVENTS, target="c")
    spread = cost.latency.spread
    assert spread is not None
    assert 0 < spread.mean <= spread.worst
    assert spread.step_mean is None
    assert "measured" in cost.latency.boundary
    footprint = cost.footprint["C program"]
    assert (footprint.parameters, footprint.state) == memory(network)
    assert cost.energy.spread is None
    steps, read = 30 * 5, cost.synapses_read.total
    assert cost.operations["neuron_steps"].mean == steps
    assert cost.operations["weights_added"] == read
    assert cost.operations["products"].mean == pytest.approx(read.mean + 3 * steps)
    assert cost.operations["divisions"].mean == 2 * steps
    assert cost.operations["scores_kept"].mean == 30 * 2


def test_without_a_compiler_only_the_time_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    cost = nm.cost(cases.integer_network(), EVENTS, target="c")
    assert cost.latency.spread is None
    assert "no-such-compiler" in cost.latency.absent
    assert cost.operations["neuron_steps"].total == 30 * 5 * 6
    assert cost.synaptic_events.total.total > 0


@pytest.mark.usefixtures("compiler")
def test_many_samples_are_timed_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.exporters.c.cost.MEASURED_SAMPLES", 3)
    cost = nm.cost(cases.integer_network(), EVENTS, target="c")
    assert cost.latency.spread is not None
    assert cost.latency.spread.worst_sample in (0, 2, 5)
    assert "3 of 6 samples" in cost.latency.note


# Tests of cases without operations


def test_silent_input_is_remarked() -> None:
    network = cases.integer_network()
    cost = nm.cost(network, samples_of(Raster.silent(2, 30, 4)), target="loihi1")
    assert cost.remarks[0].startswith("there were neither")
    assert cost.synaptic_events.total.total == cost.messages.total.total == 0
    assert cost.activation_sparsity == 1.0
    assert cost.neuron_updates.total.mean == 150
    assert cost.energy.spread is not None
    assert cost.energy.spread.mean == pytest.approx(150 * (51.2 + 21.6) / 1e6)


def test_networks_that_cannot_spike() -> None:
    network = cases.integer_network()
    last = replace(
        network.projections[0], target="out", weight=np.zeros((4, 2)), delay=np.ones((4, 2))
    )
    deaf = replace(network, populations=[network.population("out")], projections=[last])
    cost = nm.cost(deaf, EVENTS)
    assert cost.activation_sparsity is None
    assert "activation_sparsity" in cost.absent
    assert "activation_sparsity" not in cost.as_json()
    assert cost.remarks == ("no spike passed a synapse of nonzero weight",)
    assert cost.connection_sparsity == 1.0
    bare = nm.cost(replace(deaf, projections=[]), EVENTS)
    assert bare.connection_sparsity is None
    assert set(bare.absent) == {"activation_sparsity", "connection_sparsity"}
    assert bare.bits == ""
    assert bare.dense_operations == 0


def test_a_network_without_spikes_is_remarked() -> None:
    network = cases.integer_network()
    first = network.projections[0]
    shy = replace(first, weight=-abs(first.weight))
    network = replace(network, projections=[shy, *network.projections[1:]])
    (remark,) = nm.cost(network, EVENTS).remarks
    assert remark.startswith("no population spiked")


def test_input_that_does_not_fit() -> None:
    network = cases.integer_network()
    with refused(UsageError, "data-channels-differ"):
        nm.cost(network, replace(EVENTS, n_units=5))
    with refused(DataError, "split-empty"):
        nm.cost(network, EVENTS[:0])
    with refused(DataError, "split-empty"):
        nm.cost(network, samples_of(Raster.silent(0, 30, 4)))
    with refused(DataError, "input-channels-differ"):
        nm.cost(network, samples_of(Raster.silent(1, 30, 5)))
    with refused(DataError, "input-steps-missing"):
        nm.cost(network, samples_of(Raster.silent(1, 0, 4)))
    with refused(UsageError, "target-unknown"):
        nm.cost(network, EVENTS, target="loihi9")
    with refused(UsageError, "networks-missing"):
        nm.compare_cost([], EVENTS)


# Tests of JSON and tables


def test_tables_hold_the_values_of_the_json() -> None:
    cost = nm.cost(cases.integer_network(), EVENTS, target="loihi1")
    counts, _, estimates = cost.tables()
    plain = cost.as_json()
    keys = ("mean", "p95", "worst", "worst_sample", "step_mean", "step_worst")
    for name in COUNTS:
        [row] = [row for row in counts.rows if row[:2] == (name.replace("_", " "), "all")]
        assert row[2:] == tuple(plain[name]["total"][key] for key in keys)
    [row] = [row for row in estimates.rows if row[0] == "energy"]
    assert row[2:] == tuple(plain["energy"][key] for key in keys)
    [figure] = [r for r in cost.sources().rows if r[1] == "synaptic event" and r[3] == "pJ"]
    assert (figure[0], figure[2], figure[4]) == ("loihi1", "35.5", "published")
    assert figure[5].startswith("Davies")
    without = nm.cost(cases.integer_network(), EVENTS)
    assert len(without.tables()) == 2
    assert without.as_json()["energy"] == {"absent": without.energy.absent}


def test_parallel_projections_are_numbered() -> None:
    network = cases.integer_network()
    twice = replace(network, projections=[*network.projections, network.projections[0]])
    cost = nm.cost(twice, EVENTS)
    names = ["input → hidden", "hidden → hidden", "hidden → out", "input → hidden (2)"]
    assert list(cost.synaptic_events.parts) == names


@pytest.mark.parametrize(
    ("delays", "bits"), [([0], "8/0"), ([0, 1], "8/1"), ([0, 4, 60], "8/4"), ([3, 7], "8/3")]
)
def test_bits_of_delays_count_multiples_of_a_stride(delays: list[int], bits: str) -> None:
    network = random_network(3, 1, False)
    projections = [
        replace(
            p,
            delay=np.resize(delays, p.shape),
            weight=np.ones_like(p.weight),
            weight_bits=8,
            weight_exponent=0,
        )
        for p in network.projections
    ]
    raster = random_raster(0, 1, 5, 5)
    assert nm.cost(replace(network, projections=projections), samples_of(raster)).bits == bits


# Tests with several networks


def test_networks_are_compared() -> None:
    first, second = (
        cases.integer_network(),
        nm.quantise(cases.float_network(), weight_bits=3).network,
    )
    comparison = nm.compare_cost({"eight": first, "three": second}, EVENTS, energy_of="loihi1")
    assert list(comparison.costs) == ["eight", "three"]
    assert comparison.costs["three"].bits.startswith("3/")
    assert comparison.costs["eight"].as_json() == nm.cost(first, EVENTS, target="loihi1").as_json()
    means, estimates = comparison.tables()
    assert [row[0] for row in means.rows] == ["eight", "three"]
    assert means.rows[0][3] == comparison.costs["eight"].effective_acs
    assert estimates.rows[0][2] == comparison.costs["eight"].energy.mean_in_words
    assert list(nm.compare_cost([first], EVENTS).costs) == ["network 1"]
