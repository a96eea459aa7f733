"""`ensemble`: several networks as one network, which adds their outputs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import nmtool as nm
from nmtool.errors import FileFormatError, UsageError
from nmtool.float_simulator import simulate_floats
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.analogue import AnalogueInput
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.readout import RULES, Readout, rules_of
from nmtool.quantisation import round_network
from nmtool.raster import Raster
from tests.nmtool.cli import cases
from tests.refusals import codes, refused

CHANNELS, CLASSES, STEPS = 5, 3, 50


def drawn(seed: int, rule: str = "mean", **changes: Any) -> Network:
    """A recurrent network with a direct projection to the output, and constants per neuron."""
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 7))

    def synapses(source: str, target: str, shape: tuple[int, int], spread: float) -> Projection:
        weight = random.normal(spread / 3, spread, shape)
        return Projection(source, target, weight, random.integers(0, 9, shape))

    parts: dict[str, Any] = {
        "channels": InputChannels(CHANNELS),
        "populations": [
            Population("hidden", size, LIF, random.uniform(3, 20), random.uniform(2, 9)),
            Population("out", CLASSES, LI, [8.0, 12.0, 20.0], 5.0, bias=random.normal(size=3)),
        ],
        "projections": [
            synapses(INPUT, "hidden", (CHANNELS, size), 9.0),
            synapses("hidden", "hidden", (size, size), 1.0),
            synapses("hidden", "out", (size, CLASSES), 1.0),
            synapses(INPUT, "out", (CHANNELS, CLASSES), 0.3),
        ],
        "readout": Readout("out", rule, 20 if rule == "window" else None),
        "dt_ms": 1.0,
        "n_steps": STEPS,
    }
    return Network(**parts | changes)


def small_raster(seed: int, n_samples: int = 3) -> Raster:
    random = np.random.default_rng(seed)
    return Raster.from_dense(random.random((n_samples, STEPS, CHANNELS)) < 0.2)


networks = st.lists(st.integers(0, 50), min_size=1, max_size=4)
factors = st.lists(st.floats(-3, 3).filter(bool), min_size=4, max_size=4)


@given(seeds=networks, weights=factors, rule=st.sampled_from(rules_of(LI)))
def test_membranes_are_the_weighted_sum_and_so_are_linear_scores(
    seeds: list[int], weights: list[float], rule: str
) -> None:
    parts, weights = [drawn(seed, rule) for seed in seeds], weights[: len(seeds)]
    spikes = small_raster(sum(seeds))
    alone = [simulate_floats(part, spikes) for part in parts]
    together = simulate_floats(nm.ensemble(parts, weights), spikes)
    for number, recording in enumerate(alone, 1):
        actual = together.spikes[f"hidden_{number}"]
        np.testing.assert_array_equal(actual.dense(), recording.spikes["hidden"].dense())
    membrane = sum(
        w * recording.membrane["out"] for w, recording in zip(weights, alone, strict=True)
    )
    np.testing.assert_allclose(together.membrane["out"], membrane, atol=1e-10)
    if RULES[rule].is_mean:
        scores = sum(w * recording.scores for w, recording in zip(weights, alone, strict=True))
    else:
        scores = np.asarray(membrane).max(axis=1)
    np.testing.assert_allclose(together.scores, scores, atol=1e-10)


def test_maxima_of_membranes_are_not_added() -> None:
    parts, spikes = [drawn(seed, "max") for seed in (1, 2)], small_raster(3)
    alone = [simulate_floats(part, spikes) for part in parts]
    assert all(recording.spikes["hidden"].n_spikes > 10 for recording in alone)
    together = simulate_floats(nm.ensemble(parts, [1, 1]), spikes)
    assert np.abs(together.scores - (alone[0].scores + alone[1].scores)).max() > 1e-3


def test_by_default_scores_are_the_mean() -> None:
    parts, spikes = [drawn(seed) for seed in (1, 2, 3)], small_raster(4)
    scores = np.mean([simulate_floats(part, spikes).scores for part in parts], axis=0)
    together = simulate_floats(nm.ensemble(parts), spikes)
    np.testing.assert_allclose(together.scores, scores, atol=1e-12)


@pytest.mark.torch
def test_ensembles_run_on_torch() -> None:
    """Torch sums in float32, so scores differ slightly, but spikes do not."""
    parts = [drawn(seed, "weighted", projections=drawn(seed).projections[:3]) for seed in (1, 2)]
    together, spikes = nm.ensemble(parts), small_raster(4)
    exact, recording = simulate_floats(together, spikes), nm.simulate(together, spikes)
    np.testing.assert_allclose(recording.scores, exact.scores, atol=1e-4)


def test_populations_have_different_names() -> None:
    network = drawn(1)
    again = nm.ensemble([nm.ensemble([network, network]), drawn(2)])
    assert [p.name for p in again.populations] == ["hidden_1_1", "hidden_2_1", "hidden_2", "out"]
    output = replace(network.populations[1], name="hidden_2")
    renamed = Network(
        network.channels,
        [network.populations[0], output],
        [replace(p, target="hidden_2") if p.target == "out" else p for p in network.projections],
        Readout("hidden_2", "mean"),
        network.dt_ms,
        network.n_steps,
    )
    joined = nm.ensemble([renamed, network])
    assert [p.name for p in joined.populations] == ["hidden_1", "hidden_2", "hidden_2_"]
    spikes = small_raster(2)
    scores = np.mean([simulate_floats(part, spikes).scores for part in (renamed, network)], axis=0)
    np.testing.assert_allclose(simulate_floats(joined, spikes).scores, scores, atol=1e-12)


def test_hidden_populations_may_differ() -> None:
    plain, deep = (
        Network.layers(sizes, readout="mean", delays=9, seed=3, n_steps=STEPS)
        for sizes in ([CHANNELS, CLASSES], [CHANNELS, 8, 4, CLASSES])
    )
    joined, spikes = nm.ensemble([plain, deep]), small_raster(5)
    assert [p.name for p in joined.populations] == ["hidden1_2", "hidden2_2", "output"]
    scores = np.mean([simulate_floats(part, spikes).scores for part in (plain, deep)], axis=0)
    np.testing.assert_allclose(simulate_floats(joined, spikes).scores, scores, atol=1e-12)


# Tests of quantised ensembles


@given(seeds=st.lists(st.integers(0, 50), min_size=2, max_size=3), bits=st.integers(4, 8))
def test_hidden_integers_are_those_of_each_network(seeds: list[int], bits: int) -> None:
    parts = [drawn(seed) for seed in seeds]
    together = round_network(nm.ensemble(parts), weight_bits=bits).network
    spikes = small_raster(sum(seeds))
    recording = simulate(together, spikes, deep=True)
    for number, part in enumerate(parts, 1):
        alone = round_network(part, weight_bits=bits).network
        expected = simulate(alone, spikes, deep=True)
        for group in ("current", "potential"):
            np.testing.assert_array_equal(
                getattr(recording, group)[f"hidden_{number}"], getattr(expected, group)["hidden"]
            )
    reference = run_reference(together, spikes)
    np.testing.assert_array_equal(reference.membrane["out"], recording.membrane["out"])


def test_an_ensemble_is_quantised_exported_and_verified(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    events = cases.spike_events(12, 1)
    parts = [cases.float_network(), _other()]
    joined = nm.ensemble(parts)
    q = nm.quantise(joined, calibrate_on=events, compare_on=events)
    assert q.cost is not None
    assert q.cost.spikes_shared > 0.5
    test = cases.spike_events(6, 2)
    certificate = nm.verify(q.network, test, against=["c", "onnx"])
    assert certificate.spikes_different == 0
    assert certificate.identical
    assert all(check.comparison.spikes_emitted > 0 for check in certificate.checks.values())
    for name in ("net.c", "net.onnx"):
        nm.export(q.network, tmp_path / name)
        assert nm.load(tmp_path / name).content_hash == q.network.content_hash


def _other() -> Network:
    """A network for the samples of `cases` with other weights than `cases.float_network()`."""
    network = cases.float_network()
    return network.with_projections(
        [replace(p, weight=p.weight[::-1] * 0.9) for p in network.projections]
    )


@pytest.mark.torch
def test_runs_and_paths_stand_for_their_float_networks(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"hidden": 6, "steps": 30, "max_delay": 9, "epochs": 1}
    options = nm.TrainOptions(**settings, arithmetic="integer", validation=4)
    run = nm.train(cases.spike_events(12, 1), options, folder=tmp_path / "run")
    sources: list[Any] = [run, tmp_path / "run", str(tmp_path / "run" / "network.npz")]
    expected = nm.ensemble([run.network] * 3)
    assert nm.ensemble(sources).content_hash == expected.content_hash
    with refused(UsageError, "join-integers"):
        nm.ensemble([run.integers])  # type: ignore[list-item]
    with refused(UsageError, "join-integers") as caught:
        nm.ensemble([tmp_path / "run" / "integers.npz"])
    assert "integers.npz" in caught.value.what


# Tests of networks that cannot be joined


def _first_spike(seed: int) -> Network:
    network = drawn(seed)
    output = replace(network.populations[1], kind=LIF)
    readout = Readout("out", "first_spike")
    return replace(network, populations=[network.populations[0], output], readout=readout)


def _with_output(**constants: Any) -> Network:
    network = drawn(2)
    output = replace(network.populations[1], **constants)
    return replace(network, populations=[network.populations[0], output])


@pytest.mark.parametrize(
    ("other", "code", "where"),
    [
        (drawn(2, dt_ms=2.0), "join-unlike", "dt_ms"),
        (drawn(2, n_steps=60), "join-unlike", "n_steps"),
        (drawn(2, channels=InputChannels(CHANNELS, 2)), "join-unlike", "channels"),
        (drawn(2, channels=InputChannels(CHANNELS, most_spikes=2)), "join-unlike", "channels"),
        (
            drawn(2, channels=InputChannels(CHANNELS, analogue=AnalogueInput(0.5, bits=1))),
            "join-unlike",
            "channels",
        ),
        (drawn(2, class_names=["a", "b", "c"]), "join-unlike", "class_names"),
        (drawn(2, "max"), "join-unlike", "readout"),
        (_with_output(tau_mem_ms=10.0), "join-output-constants", "tau_mem_ms"),
        (_with_output(tau_syn_ms=6.0), "join-output-constants", "tau_syn_ms"),
    ],
)
def test_networks_with_other_output_constants_are_refused(
    other: Network, code: str, where: str
) -> None:
    with refused(UsageError, "networks-unlike") as caught:
        nm.ensemble([drawn(1), other])
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [(code, where)]
    assert caught.value.findings[0].fix


def test_the_fix_for_different_steps_is_to_give_their_number() -> None:
    with refused(UsageError, "networks-unlike") as caught:
        nm.ensemble([drawn(1), drawn(2, n_steps=60)])
    assert "`steps=N`" in caught.value.findings[0].fix


def test_windows_of_other_lengths() -> None:
    network = drawn(1, "window")
    with refused(UsageError, "networks-unlike") as caught:
        nm.ensemble([network, replace(network, readout=Readout("out", "window", 21))])
    assert "window and 20, window and 21" in caught.value.findings[0].what


def test_all_differences_are_listed_at_once() -> None:
    with refused(UsageError, "networks-unlike") as caught:
        nm.ensemble([_first_spike(1), drawn(2, dt_ms=2.0)])
    assert codes(caught.value) == ["join-unlike", "join-unlike", "join-first-spike"]


def test_first_spikes_are_not_added() -> None:
    with refused(UsageError, "networks-unlike") as caught:
        nm.ensemble([_first_spike(1), _first_spike(2)])
    assert codes(caught.value) == ["join-first-spike"]


@pytest.mark.parametrize(
    "weights", [[], [1.0], [1.0, 2.0, 3.0], [1.0, float("nan")], [1.0, "2"], [1.0, True], [0, 0.0]]
)
def test_invalid_weights_are_refused(weights: Sequence[Any]) -> None:
    with refused(UsageError, "join-weights"):
        nm.ensemble([drawn(1), drawn(2)], weights)


def test_an_empty_list_is_refused() -> None:
    with refused(UsageError, "networks-missing"):
        nm.ensemble([])
    with refused(UsageError, "argument-type"):
        nm.ensemble(drawn(1))  # type: ignore[arg-type]
    with refused(UsageError, "network-type"):
        nm.ensemble([3])  # type: ignore[list-item]
    with refused(FileFormatError, "file-missing"):
        nm.ensemble(["no.npz"])
