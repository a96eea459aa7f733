"""A stream gives the results of a whole sample, however divided; invalid events are refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.data import SpikeEvents, bin_events
from nmtool.errors import DataError, NetworkError, UsageError
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import MAX_SAMPLE_BYTES, simulate
from nmtool.network.analogue import AnalogueInput
from nmtool.network.graph import INPUT, LIF, RESET, RESET_BY, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import WINDOW, Readout, membrane_scores
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import LOIHI2
from nmtool.testing.networks import random_network, random_raster
from tests.networks.drawn import COUNTING, float_networks, integer_networks, seeds
from tests.refusals import codes, refused
from tests.thorough import examples

DENSE = ("membrane", "current", "potential")


def random_events(
    random: np.random.Generator, network: IntegerNetwork, n_steps: int
) -> SpikeEvents:
    """One sample of any density: several events in a bin, times on the edges of steps."""
    n_units = network.channels.size * network.channels.group
    n_events = int(n_steps * n_units * random.choice([0, 0.05, 0.3, 1.2]))
    edge = random.integers(0, n_steps, n_events)
    within = random.choice([0.0, 0.5, 0.999], n_events)
    return SpikeEvents(
        np.sort((edge + within) * network.dt_ms),
        random.integers(0, n_units, n_events),
        np.array([0, n_events]),
        np.array([0]),
        n_units,
        ["any"],
    )


def assert_same(recording: Recording, part: Recording, first: int, last: int) -> None:
    """Assert that spikes, u and v of a part equal steps `first` to `last` of a recording."""
    for name, raster in recording.spikes.items():
        counts = raster.dense_counts()[:, first:last]
        assert np.array_equal(counts, part.spikes[name].dense_counts())
    for group in DENSE:
        for name, whole in getattr(recording, group).items():
            assert np.array_equal(whole[:, first:last], getattr(part, group)[name])


@settings(max_examples=examples(2.5))
@given(data=st.data(), seed=seeds)
def test_any_division_of_a_stream_gives_equal_results(data: st.DataObject, seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = data.draw(integer_networks(properties=COUNTING))
    network = replace(drawn, dt_ms=data.draw(st.sampled_from([drawn.dt_ms, 0.1, 0.7])))
    n_steps = data.draw(st.integers(1, 150))
    events = random_events(random, network, n_steps)
    channels = network.channels
    spikes = bin_events(
        events, network.dt_ms, n_steps, channels.group, most_spikes=channels.most_spikes
    ).raster
    expected = simulate(network, spikes, deep=True)

    session = Session(network, keep=data.draw(st.integers(1, 40)))
    step = np.floor(events.time_ms / network.dt_ms + 1e-9)
    waiting = random.permutation(events.n_events)
    cuts = np.unique([*random.integers(0, n_steps, data.draw(st.integers(0, 12))), n_steps])
    pauses = set(random.choice(cuts, 2))
    for cut in cuts.tolist():
        before = session.n_steps
        now = (step[waiting] < cut) | (random.random(waiting.size) < 0.2)
        session.feed(events.unit[waiting[now]], events.time_ms[waiting[now]])
        waiting = waiting[~now]
        if random.random() < 0.5:
            session.step(cut - before)
        else:
            assert session.run_until(cut * network.dt_ms) == cut - before
        window = min(cut - before, len(session._spiked))
        assert_same(expected, session.recent(window), cut - window, cut)
        if cut and cut in pauses:
            assert_decided(session, spikes)
    assert session.counts == expected.counts
    assert not session._pending


def assert_decided(session: Session, spikes: Raster) -> None:
    """Assert that decision and last states are those of a sample that ends at the present step."""
    network = session.network
    if network.readout.weights_steps and session.n_steps > network.n_steps:
        with refused(UsageError, "decision-beyond-sample"):
            session.decision()
        return
    ended = simulate(network, spikes.first_steps(session.n_steps), deep=True)
    decision = session.decision()
    assert decision.step == session.n_steps
    assert decision.label == ended.predictions[0]
    assert decision.class_name == network.class_names[decision.label]
    assert decision.scores.tolist() == ended.scores[0].tolist()
    for population in network.populations:
        name = population.name
        v = ended.potential if population.kind == LIF else ended.membrane
        assert np.array_equal(session.membrane(name), v[name][0, -1])
        assert np.array_equal(session.current(name), ended.current[name][0, -1])
        if population.kind == LIF:
            fired = np.flatnonzero(ended.spikes[name].dense()[0, -1])
            assert np.array_equal(session.spikes(name), fired)


def test_samples_of_a_data_set_get_the_scores_of_the_simulator() -> None:
    network = replace(random_network(3, 2, False), channels=InputChannels(5, 3))
    drawn = random_events(np.random.default_rng(0), network, 80)
    times, units = [0.5, 1.0, 1.2, 69.99, 70.0], [0, 2, 1, 13, 13]
    edges = SpikeEvents(times, units, [0, 5], [0], 14, ["any"])
    samples = SpikeEvents.concatenate([replace(drawn, n_units=15), replace(edges, n_units=15)])
    binned, session = network.bin(samples), Session(network)
    expected = simulate(network, binned.raster)
    assert (binned.raster.n_spikes > 20, binned.surplus > 0, binned.dropped > 0) == (True,) * 3
    dropped = 0
    for index in range(2):
        session.reset()
        session.feed(samples[index])
        session.step(network.n_steps)
        assert session.decision().scores.tolist() == expected.scores[index].tolist()
        dropped += min(session._pending) == network.n_steps
    assert dropped == 2


def delay_line(delay: int, readout: Readout | None = None) -> IntegerNetwork:
    """A channel that makes a neuron spike after a delay, and an output that the neuron drives."""
    return IntegerNetwork(
        InputChannels(1),
        [
            IntegerPopulation("cell", 1, LIF, 4094, 4095, 100, 1.0),
            IntegerPopulation("out", 1, "li", 4094, 4095, LOIHI2.max_threshold + 1, 1.0),
        ],
        [
            IntegerProjection(INPUT, "cell", np.array([[200]]), np.array([[delay]])),
            IntegerProjection("cell", "out", np.array([[200]]), np.array([[0]])),
        ],
        readout or Readout("out", "max"),
        1.0,
        100,
    )


@pytest.mark.parametrize("delay", [0, 1, 60, LOIHI2.max_delay])
def test_spikes_on_their_way_survive_between_calls(delay: int) -> None:
    session = Session(delay_line(delay), keep=1)
    session.feed(0)
    fired = []
    for n in range(delay + 3):
        session.step()
        fired += [n] * session.spikes("cell").size
    assert fired == [delay + 1]


def test_nothing_survives_a_reset() -> None:
    session = Session(delay_line(3))
    session.feed([0, 0], [0.0, 7.0])
    session.step(3)
    session.reset()
    assert (session.n_steps, session.time_ms) == (0, 0.0)
    session.step(20)
    assert session.recent().spikes["cell"].n_spikes == 0
    assert not session.recent().current["out"].any()


def test_a_session_runs_for_any_number_of_steps() -> None:
    network = random_network(2, 2, False)
    raster = random_raster(1, 1, 70, network.channels.size)
    young, old = Session(network, keep=64), Session(network, keep=64)
    old._n = 1 << 50
    for n in range(70):
        channels = raster.neuron[raster.step == n]
        for session in (young, old):
            session.feed(channels)
            session.step()
    assert old.n_steps == (1 << 50) + 70
    assert_same(young.recent(64), old.recent(64), 0, 64)
    assert young.decision().scores.tolist() == old.decision().scores.tolist()
    assert sum(raster.n_spikes for raster in young.recent().spikes.values()) > 0


@pytest.mark.parametrize("rule", ["mean", "max", WINDOW])
def test_memory_does_not_grow(rule: str) -> None:
    network = delay_line(5, Readout("out", rule, 30 if rule == WINDOW else None))
    session, sizes = Session(network), []
    for _ in range(3):
        for _ in range(500):
            session.feed([0], session.time_ms + 2.5)
            session.step()
        sizes.append(len(pickle.dumps(session)))
    assert max(sizes) - min(sizes) < 32


def test_a_pickled_session_continues() -> None:
    session = Session(delay_line(9))
    session.feed([0], [2.0])
    session.step(5)
    again = pickle.loads(pickle.dumps(session))
    for twin in (session, again):
        twin.step(20)
    assert_same(session.recent(), again.recent(), 0, 25)
    assert session.recent().spikes["cell"].step.tolist() == [12]


def test_a_session_may_have_its_own_window() -> None:
    network = random_network(5, 1, False)
    raster = random_raster(4, 1, 70, network.channels.size)
    session = Session(network, window=7)
    for n in range(70):
        session.feed(raster.neuron[raster.step == n])
        session.step()
    membrane = simulate(network, raster).membrane["out"]
    expected = membrane_scores(membrane, Readout("out", WINDOW, 7))
    assert session.decision().scores.tolist() == expected[0].tolist()
    assert np.ptp(expected) > 0
    with refused(NetworkError, "readout-kind"):
        Session(random_network(1, 1, True), window=7)
    with refused(NetworkError, "readout-window-range"):
        Session(network, window=0)


def test_counts_of_events_add_up_to_the_limit_of_a_channel() -> None:
    network = replace(random_network(1, 1, False), channels=InputChannels(5, 2, most_spikes=9))
    fed = [(0, 3), (1, 2), (4, 255), (4, 255), (6, 1)]
    session = Session(network)
    for unit, count in fed:
        session.feed([unit], count=count)
    session.feed([6, 7], [0.0, 0.9], count=[1, 4])
    session.step(40)
    expected = np.zeros((1, 40, 5), np.uint8)
    expected[0, 0] = 5, 0, 9, 6, 0
    recording = simulate(network, Raster.from_dense(expected), deep=True)
    assert_same(recording, session.recent(40), 0, 40)


@pytest.mark.parametrize(
    ("count", "code"),
    [
        (0, "event-count-range"),
        ([1, -3], "event-count-range"),
        ([1, 1, 1], "events-lengths"),
        ([1.5, 1], "events-not-numbers"),
    ],
)
def test_invalid_counts_are_refused(count: object, code: str) -> None:
    session = session_at(0)
    with refused(DataError, code):
        session.feed([0, 0], count=count)
    assert not session._pending


def session_at(step: int) -> Session:
    session = Session(delay_line(0))
    session.step(step)
    return session


def test_times_in_other_units_get_one_remark(caplog: pytest.LogCaptureFixture) -> None:
    session = session_at(3)
    sample_ms = session.network.n_steps * session.network.dt_ms
    session.feed([0], [sample_ms])
    assert not caplog.text
    for _ in range(2):
        session.feed([0, 0], [5.0, 1000 * sample_ms])
    assert caplog.text.count("remark[event-far-ahead]") == 1
    session.reset()
    session.feed([0], [1000 * sample_ms])
    assert caplog.text.count("remark[event-far-ahead]") == 2


def test_channels_and_times_in_the_other_order() -> None:
    session = session_at(0)
    with refused(DataError, "events-refused") as caught:
        session.feed([4, 9], [0, 0])
    assert "feed(channels, time_ms)" in caught.value.findings[0].fix
    with refused(DataError, "events-refused") as untimed:
        session.feed([4, 9])
    assert "feed(" not in untimed.value.findings[0].fix
    with refused(DataError, "events-not-numbers") as unlike:
        session.feed([4.2, 9.1], [0, 0])
    assert "feed(channels, time_ms)" in unlike.value.fix


@pytest.mark.parametrize(
    ("channels", "times", "problems"),
    [
        ([0], [2.99], ["event-late"]),
        ([0], [-1.0], ["event-late"]),
        ([0, 0], [5.0, 0.0], ["event-late"]),
        ([0], [np.nan], ["event-time-range"]),
        ([0], [np.inf], ["event-time-range"]),
        ([0], [1e300], ["event-time-range"]),
        ([1], None, ["event-channel-unknown"]),
        ([-1], None, ["event-channel-unknown"]),
        (np.array([1 << 63], np.uint64), None, ["event-channel-unknown"]),
        (
            [0, 7, 0, 0],
            [9.0, 9.0, np.nan, 0.0],
            ["event-channel-unknown", "event-time-range", "event-late"],
        ),
    ],
)
def test_invalid_events_are_refused(
    channels: list[int], times: list[float] | None, problems: list[str]
) -> None:
    session = session_at(3)
    with refused(DataError, "events-refused") as caught:
        session.feed(channels, times)
    assert codes(caught.value) == problems
    assert not session._pending


def test_events_before_the_next_step_are_late() -> None:
    session = session_at(3)
    session.feed([0, 0], [3.0, 2.9999999999])
    assert session._pending == {3: {0: 2}}


@pytest.mark.parametrize(
    ("channels", "times", "code"),
    [
        ([0.5], None, "events-not-numbers"),
        ([True], None, "events-not-numbers"),
        (["a"], None, "events-not-numbers"),
        ([[0], [0, 0]], None, "events-not-numbers"),
        (np.zeros((2, 2), int), None, "events-not-numbers"),
        ([0], ["soon"], "events-not-numbers"),
        ([0, 0, 0], [1.0, 2.0], "events-lengths"),
    ],
)
def test_malformed_events_are_refused(channels: object, times: object, code: str) -> None:
    session = session_at(0)
    with refused(DataError, code):
        session.feed(channels, times)
    assert not session._pending


def test_events_of_several_samples_or_other_channels_are_refused() -> None:
    session = session_at(0)
    events = SpikeEvents([1.0], [0], [0, 1, 1], [0, 0], 1, ["x"])
    with refused(UsageError, "session-one-sample"):
        session.feed(events)
    with refused(UsageError, "session-one-sample"):
        session.feed(events[0], [1.0])
    with refused(DataError, "input-channels-differ"):
        session.feed(replace(events[0], n_units=2))
    with refused(UsageError, "session-one-sample"):
        session.feed(events[0], count=2)
    session.feed(replace(events[0], count=[3]))
    assert session._pending == {1: {0: 3}}


@settings(max_examples=examples(0.5))
@given(integer_networks(properties=(RESET, RESET_BY)), seeds, st.booleans(), st.integers(1, 8))
def test_fed_numbers_equal_numbers_of_a_sample(
    network: IntegerNetwork, seed: int, signed: bool, bits: int
) -> None:
    random = np.random.default_rng(seed)
    size = network.channels.size
    rule = AnalogueInput(0.1, bits, signed and size % 2 == 0)
    channels = InputChannels(size, most_spikes=rule.largest, analogue=rule)
    network = replace(network, channels=channels)
    shape = (30, size // rule.channels_per_number)
    values = random.normal(0, 10 ** random.uniform(-1, 2), shape)
    events = SpikeEvents.from_values(values[None], [0], dt_ms=network.dt_ms, **rule.as_json())
    binned = bin_events(events, network.dt_ms, 30, most_spikes=rule.largest)
    assert not binned.surplus + binned.dropped
    expected = simulate(network, binned.raster, deep=True)
    streams = [Session(network) for _ in range(3)]
    streams[0].feed_values(values)
    streams[2].feed(events)
    for step in range(30):
        streams[1].feed_values(values[step])
        for session in streams:
            session.step()
    for session in streams:
        assert_same(expected, session.recent(30), 0, 30)


def test_numbers_are_refused_unless_the_network_takes_them() -> None:
    network = random_network(0, 2, False)
    size = network.channels.size
    with refused(UsageError, "session-not-analogue"):
        Session(network).feed_values(np.zeros(size))
    channels = InputChannels(size, most_spikes=255, analogue=AnalogueInput(1.0))
    session = Session(replace(network, channels=channels))
    for values in (np.zeros(size + 1), np.zeros((1, 2, size))):
        with refused(DataError, "session-values-shape"):
            session.feed_values(values)
    with refused(DataError, "values-not-finite"):
        session.feed_values(np.full(size, np.nan))
    with refused(UsageError, "data-analogue-differs"):
        session.feed(SpikeEvents.from_dense(np.ones((1, 3, size)), [0]))


def test_feeding_no_events_changes_nothing() -> None:
    session = session_at(0)
    session.feed([])
    session.feed([], [])
    session.feed([], 1.0)
    assert not session._pending


@pytest.mark.parametrize("time_ms", [np.nan, np.inf, -np.inf, 1e300])
def test_invalid_times_are_refused(time_ms: float) -> None:
    with refused(DataError, "session-time-range"):
        session_at(0).run_until(time_ms)


def test_time_that_has_passed_runs_nothing() -> None:
    session = session_at(5)
    assert (session.run_until(3.0), session.run_until(-3.0), session.run_until(5.9)) == (0, 0, 0)
    assert session.run_until(6.0) == 1


@pytest.mark.parametrize("n_steps", [-1, 1.5, True, "3"])
def test_invalid_numbers_of_steps_are_refused(n_steps: int) -> None:
    with refused(UsageError, "session-steps-range"):
        session_at(0).step(n_steps)
    with refused(UsageError, "session-steps-range"):
        session_at(3).recent(n_steps)


def test_more_steps_than_are_kept_are_an_error() -> None:
    session = Session(delay_line(0), keep=4)
    session.step(3)
    with refused(UsageError, "session-not-kept"):
        session.recent(4)
    session.step(3)
    assert session.recent().membrane["out"].shape == (1, 4, 1)
    with refused(UsageError, "session-not-kept") as caught:
        session.recent(5)
    assert "keep=5" in caught.value.fix


@pytest.mark.parametrize("keep", [-1, 0, 10**13, 10**19])
def test_the_kept_steps_are_few_enough_for_memory(keep: int) -> None:
    with refused(UsageError, "session-steps-range") as caught:
        Session(delay_line(0), keep=keep)
    assert "keep" in caught.value.what
    assert f"1 … {MAX_SAMPLE_BYTES // (9 * 2):,}" in caught.value.fix


def test_an_interrupted_session_must_be_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    session = session_at(3)
    with monkeypatch.context() as patch:
        patch.setattr(session, "_run_steps", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.step()
    with refused(UsageError, "session-interrupted"):
        session.step()
    session.reset()
    session.step(2)
    assert session.n_steps == 2


def test_a_second_thread_is_refused_during_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    session, errors = session_at(3), []
    run_steps = session._run_steps

    def with_second_thread(*arguments: object) -> None:
        thread = Thread(target=step)
        thread.start()
        thread.join()
        run_steps(*arguments)

    def step() -> None:
        try:
            session.step()
        except UsageError as error:
            errors.append(error.code)

    monkeypatch.setattr(session, "_run_steps", with_second_thread)
    session.step()
    assert (errors, session.n_steps) == (["session-threads"], 4)


def test_no_decision_before_the_first_step() -> None:
    with refused(UsageError, "decision-before-steps"):
        session_at(0).decision()


@settings(max_examples=examples(0.1))
@given(float_networks())
def test_only_networks_of_integers(network: object) -> None:
    for artefact in (network, "network.npz", None):
        with refused(UsageError, "argument-type") as caught:
            Session(artefact)  # type: ignore[arg-type]
        assert "nmtool.load" in caught.value.fix


def test_populations_by_name() -> None:
    session = session_at(1)
    for read in (session.spikes, session.membrane, session.current):
        with refused(NetworkError, "population-unknown"):
            read("hidden")
