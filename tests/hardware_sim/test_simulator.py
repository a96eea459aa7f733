from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.errors import DataError
from nmtool.hardware_sim import simulator
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LI, LIF, RESET, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import LOIHI2
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from tests.hardware_sim.lava_arithmetic import lava_run
from tests.networks.drawn import integer_networks, rasters, runs
from tests.refusals import refused
from tests.thorough import examples


def assert_same(first: Recording, second: Recording) -> None:
    """Assert that all arrays and counts of two recordings are equal."""
    for group in ("spikes", "membrane", "current", "potential"):
        assert list(getattr(first, group)) == list(getattr(second, group))
    assert compare_recordings(first, second).identical
    for group in ("membrane", "current", "potential"):
        for name, array in getattr(first, group).items():
            assert np.array_equal(array, getattr(second, group)[name])
    assert first.counts == second.counts


def chain(delay: int, *, bias: int = 0, kind: str = LIF) -> IntegerNetwork:
    """A channel, and a neuron that projects to itself and spikes for every arriving spike."""
    synapse, delays = np.array([[200]]), np.array([[delay]])
    return IntegerNetwork(
        InputChannels(1),
        [
            IntegerPopulation("cell", 1, kind, 4094, 4095, 100, 1.0, bias_mantissa=bias),
            IntegerPopulation("out", 1, LI, 4094, 4095, SILENT_THRESHOLD, 1.0),
        ],
        [
            IntegerProjection(INPUT, "cell", synapse, np.array([[0]])),
            IntegerProjection("cell", "cell", synapse, delays),
        ],
        Readout("out", "max"),
        1.0,
        30,
    )


def spike_at(step: int, n_steps: int = 30) -> Raster:
    return Raster.from_events(np.array([0]), np.array([step]), np.array([0]), (1, n_steps, 1))


@settings(max_examples=examples(2))
@given(st.data())
def test_simulator_equals_the_reference_and_lavas_arithmetic(data: st.DataObject) -> None:
    network = data.draw(integer_networks())
    spikes = data.draw(rasters(network.channels.size))
    recording = simulate(network, spikes, deep=True)

    assert compare_recordings(run_reference(network, spikes), recording).identical
    faults: Counter[str] = Counter()
    for sample, channels in enumerate(spikes.dense()):
        lava = lava_run(network, channels)
        for population in network.populations:
            name = population.name
            v = recording.potential if population.kind == LIF else recording.membrane
            assert np.array_equal(recording.current[name][sample], lava.u[name])
            assert np.array_equal(v[name][sample], lava.v[name])
            if population.kind == LIF:
                dense = recording.spikes[name].dense()[sample]
                assert np.array_equal(dense, lava.spiked[name])
        faults.update(lava.faults)
    assert recording.counts == faults


@pytest.mark.usefixtures("tiny8")
@settings(max_examples=examples(1.5))
@given(runs())
def test_simulator_reference_and_session_agree_on_counts(
    run: tuple[IntegerNetwork, Raster],
) -> None:
    network, spikes = run
    recording = simulate(network, spikes, deep=True)
    assert compare_recordings(run_reference(network, spikes), recording).identical
    most = network.spike_limits
    assert all(raster.most_spikes <= most[name] for name, raster in recording.spikes.items())
    session = Session(network, keep=spikes.n_steps)
    for index in range(spikes.n_samples):
        sample = spikes.take([index])
        session.reset()
        time_ms = sample.step * network.dt_ms
        unit = sample.neuron * network.channels.group
        session.feed(unit, time_ms, count=sample.bin_counts())
        session.step(sample.n_steps)
        assert compare_recordings(recording.take([index]), session.recent()).identical
        for name, raster in recording.spikes.items():
            last = raster.dense_counts()[index, -1]
            assert np.array_equal(session.spike_counts(name), last)


def test_a_count_delivers_its_weight_as_often() -> None:
    network = replace(chain(29), channels=InputChannels(1, most_spikes=7))
    spikes = Raster.from_dense(np.eye(1, 30, 2, np.uint8)[:, :, None] * 7)
    u = simulate(network, spikes, deep=True).current["cell"][0, :, 0]
    assert u[3] == 7 * 200 << 6
    with refused(DataError, "input-counts"):
        simulate(chain(29), spikes)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_layers_with_feedback(seed: int, resets: bool) -> None:
    network = random_network(seed, n_hidden=3, spiking_output=seed == 1)
    if resets:
        network = with_resets(network, seed)
        assert RESET.name in network.properties
    spikes = random_raster(seed, 4, network.n_steps, network.channels.size)
    recording = simulate(network, spikes, deep=True)
    assert compare_recordings(run_reference(network, spikes), recording).identical
    assert sum(raster.n_spikes for raster in recording.spikes.values()) > 0


def test_wraps_and_clips_happen_in_these_tests_and_are_counted() -> None:
    counts: Counter[str] = Counter()
    for seed in range(6):
        network = random_network(seed, n_hidden=2, spiking_output=False)
        spikes = random_raster(seed, 2, 70, network.channels.size)
        recording = simulate(network, spikes)
        faults = sum((lava_run(network, c).faults for c in spikes.dense()), Counter())
        assert recording.counts == {name: faults[name] for name in recording.counts}
        counts.update(recording.counts)
    assert counts["u_wraps"] > 0
    assert counts["v_clips"] > 0


@pytest.mark.parametrize("delay", [0, 1, 4, 31, LOIHI2.max_delay])
def test_a_spike_arrives_one_step_after_its_delay(delay: int) -> None:
    spikes = simulate(chain(delay), spike_at(2, 200)).spikes["cell"]
    assert spikes.step.tolist() == list(range(3, 200, delay + 1))


def test_delay_0_fires_every_step_and_delay_4_every_fifth() -> None:
    every = simulate(chain(0), spike_at(0)).spikes["cell"].step
    fifth = simulate(chain(4), spike_at(0)).spikes["cell"].step
    assert every.tolist() == list(range(1, 30))
    assert fifth.tolist() == [1, 6, 11, 16, 21, 26]


def test_the_last_spike_of_a_sample_does_not_reach_the_next() -> None:
    network = chain(LOIHI2.max_delay)
    dense = np.zeros((3, 30, 1), bool)
    dense[0, -1] = dense[1, 5] = True
    recording = simulate(network, Raster.from_dense(dense), deep=True)
    assert recording.spikes["cell"].counts().ravel().tolist() == [0, 1, 0]
    assert not recording.current["cell"][[0, 2]].any()


@settings(max_examples=examples(0.5))
@given(st.data())
def test_samples_do_not_depend_on_their_neighbours(data: st.DataObject) -> None:
    network = data.draw(integer_networks())
    spikes = data.draw(rasters(network.channels.size))
    order = data.draw(st.permutations(range(spikes.n_samples)))
    together = simulate(network, spikes.take(order), deep=True)
    alone = [simulate(network, spikes.take([sample]), deep=True) for sample in order]
    assert_same(together, Recording.concatenate(alone))


@pytest.mark.parametrize("budget", [1, 5_000, 1 << 30])
def test_results_do_not_depend_on_portions(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(3, n_hidden=2, spiking_output=False)
    spikes = random_raster(8, 11, 40, network.channels.size)
    expected = simulate(network, spikes, deep=True)
    monkeypatch.setattr(simulator, "BYTES_IN_FLIGHT", budget)
    finished: list[int] = []
    assert_same(expected, simulate(network, spikes, deep=True, on_progress=finished.append))
    assert sum(finished) == 11
    assert len(finished) == {1: 11, 1 << 30: 1}.get(budget, len(finished))


def test_results_do_not_depend_on_threads() -> None:
    network = random_network(4, n_hidden=2, spiking_output=True)
    spikes = random_raster(9, 9, 50, network.channels.size)
    before = numba.get_num_threads()
    try:
        recordings = []
        for threads in (1, 2):
            numba.set_num_threads(threads)
            recordings.append(simulate(network, spikes, deep=True))
    finally:
        numba.set_num_threads(before)
    assert_same(*recordings)


def test_biases_also_act_in_silent_samples() -> None:
    recording = simulate(chain(0, bias=4095), Raster.silent(2, 30, 1), deep=True)
    assert (recording.potential["cell"] == 4095).all()
    assert recording.spikes["cell"].n_spikes == 0


def test_no_samples_at_all() -> None:
    network = random_network(5, n_hidden=1, spiking_output=False)
    silence = Raster.silent(0, 12, network.channels.size)
    recording = simulate(network, silence, deep=True)
    assert compare_recordings(run_reference(network, silence), recording).identical
    assert recording.n_samples == 0
    assert recording.membrane["out"].shape == (0, 12, 4)
    assert recording.predictions.shape == (0,)
    assert recording.counts["u_wraps"] == 0


def test_shallow_recordings_have_spikes_and_output_membranes_only() -> None:
    network = random_network(6, n_hidden=1, spiking_output=False)
    spikes = random_raster(6, 2, 30, network.channels.size)
    shallow, deep = simulate(network, spikes), simulate(network, spikes, deep=True)
    assert (shallow.current, shallow.potential) == ({}, {})
    assert compare_recordings(shallow, deep).identical
    assert shallow.membrane["out"].dtype == np.int32


@pytest.mark.parametrize("run", [simulate, run_reference])
def test_other_channels_are_refused(run) -> None:
    network = random_network(7, n_hidden=1, spiking_output=False)
    with refused(DataError, "input-channels-differ") as caught:
        run(network, Raster.silent(1, 5, 6))
    assert "6" in caught.value.what
    assert "5" in caught.value.what


def test_first_spike_readout_of_a_run() -> None:
    network = random_network(1, n_hidden=2, spiking_output=True)
    assert network.readout == Readout("out", FIRST_SPIKE)
    spikes = random_raster(1, 3, 70, network.channels.size)
    recording = simulate(network, spikes)
    expected = run_reference(network, spikes)
    assert np.array_equal(recording.scores, expected.scores)
