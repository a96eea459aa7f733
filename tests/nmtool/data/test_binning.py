from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import SpikeEvents, bin_events, default_steps
from nmtool.data.binning import count_dropped, step_position
from nmtool.errors import NetworkError, UsageError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import InputChannels
from nmtool.network.readout import Readout
from nmtool.quantisation import round_network
from tests.refusals import refused

DTS = (1.0, 2.0, 0.1, 0.3, 0.7, 1e-3, 1 / 3)


def one_sample(times: list[float], units: list[int], n_units: int = 4) -> SpikeEvents:
    return SpikeEvents(times, units, [0, len(times)], [0], n_units, ("a",))


@st.composite
def binnings(draw: st.DrawFn) -> tuple[SpikeEvents, list[list[tuple[int, int, int]]], float]:
    """Events, the expected (step, unit, spikes) of each event, and dt.

    A third of the times are multiples of dt, with an error of up to two roundings.
    """
    dt, n_units = draw(st.sampled_from(DTS)), draw(st.integers(1, 7))
    event = st.tuples(
        st.integers(0, 9),
        st.sampled_from([0.0, 0.25, 0.75]),
        st.integers(0, n_units - 1),
        st.integers(-2, 2),
        st.sampled_from(draw(st.sampled_from([[1], [1, 2, 3], [1, 200, 1 << 30]]))),
    )
    drawn = draw(st.lists(st.lists(event, max_size=12), max_size=4))
    samples = []
    for sample in drawn:
        timed = [(nudged((k + f) * dt, by), k, unit, count) for k, f, unit, by, count in sample]
        samples.append(sorted(timed))
    flat = [event for sample in samples for event in sample]
    events = SpikeEvents(
        [time for time, *_ in flat],
        [unit for _, _, unit, _ in flat],
        np.cumsum([0] + [len(sample) for sample in samples]),
        [0] * len(samples),
        n_units,
        ("a",),
        count=[count for *_, count in flat],
    )
    return events, [[event[1:] for event in sample] for sample in samples], dt


def nudged(time: float, by: int) -> float:
    for _ in range(abs(by)):
        time = max(0.0, math.nextafter(time, math.copysign(math.inf, by)))
    return time


@given(binnings(), st.integers(1, 10), st.integers(1, 8), st.sampled_from([1, 2, 255]))
def test_binning_equals_a_naive_loop(
    binning: tuple[SpikeEvents, list[list[tuple[int, int, int]]], float],
    n_steps: int,
    group: int,
    most: int,
) -> None:
    events, samples, dt = binning
    n_channels = math.ceil(events.n_units / group)
    sums = np.zeros((len(samples), n_steps, n_channels), np.int64)
    dropped = late = 0
    for index, sample in enumerate(samples):
        for step, unit, count in sample:
            if step >= n_steps:
                dropped, late = dropped + count, late + 1
            else:
                sums[index, step, unit // group] += count
    dense = np.minimum(sums, most)

    binned = bin_events(events, dt, n_steps, group, most_spikes=most)

    assert binned.raster.dense().shape == dense.shape
    assert np.array_equal(binned.raster.dense_counts(), dense)
    assert (binned.surplus, binned.dropped) == ((sums - dense).sum(), dropped)
    assert binned.raster.n_spikes + binned.surplus + dropped == events.n_spikes
    assert count_dropped(events, dt, n_steps) == late


def test_every_multiple_of_dt_opens_its_own_step() -> None:
    for dt in DTS:
        n_steps = 20_000
        steps = np.arange(n_steps)
        events = one_sample((steps * dt).tolist(), [0] * n_steps)
        raster = bin_events(events, dt, n_steps).raster
        assert np.array_equal(raster.step, steps), dt


def test_times_converted_from_seconds_fall_into_the_expected_steps() -> None:
    times = [0.3, 1000.0 * 0.0007, 1000.0 * 0.0011]
    raster = bin_events(one_sample(times, [0, 1, 2]), 0.1, 20).raster
    assert raster.step.tolist() == [3, 7, 11]


def test_a_time_just_before_a_step_is_not_in_it() -> None:
    assert bin_events(one_sample([0.999999], [0]), 1.0, 5).raster.step.tolist() == [0]


def test_the_end_of_the_last_step_is_outside() -> None:
    binned = bin_events(one_sample([4.99, 5.0, 1e12], [0, 0, 1]), 1.0, 5)
    assert binned.raster.step.tolist() == [4]
    assert (binned.surplus, binned.dropped) == (0, 2)


def test_the_last_group_takes_the_remainder() -> None:
    events = one_sample([0.0, 0.0, 0.0, 0.0], [0, 2, 3, 6], n_units=7)
    binned = bin_events(events, 1.0, 1, group=3)
    assert binned.raster.n_neurons == 3
    assert binned.raster.neuron.tolist() == [0, 1, 2]
    assert binned.surplus == 1


@pytest.mark.parametrize(("n_samples", "n_steps"), [(3, 4_000_000), (4_000, 1_000)])
def test_many_bins_need_wide_keys(n_samples: int, n_steps: int) -> None:
    offset = [0] * (n_samples - 1) + [2, 3]
    last = n_steps - 1.0
    events = SpikeEvents([last] * 3, [0, 1999, 1], offset, [0] * n_samples, 2000, ("a",))
    raster = bin_events(events, 1.0, n_steps).raster
    assert raster.step.tolist() == [n_steps - 1] * 3
    assert raster.neuron.tolist() == [0, 1999, 1]
    assert raster.offset.tolist() == offset


@pytest.mark.parametrize(
    ("dt_ms", "n_steps"), [(1, 1000), (2, 500), (0.1, 10_000), (3, 334), (0.7, 1429), (4000, 1)]
)
def test_default_steps_cover_one_second(dt_ms: float, n_steps: int) -> None:
    assert default_steps(dt_ms) == n_steps


@pytest.mark.parametrize("dt_ms", [0.0, -1.0, math.nan, math.inf])
def test_a_step_must_have_a_length(dt_ms: float) -> None:
    with refused(NetworkError, "time-step-range"):
        bin_events(one_sample([0.0], [0]), dt_ms, 5)
    with refused(NetworkError, "time-step-range"):
        default_steps(dt_ms)


def test_groups_and_counts_of_a_bin_are_positive() -> None:
    for most in (0, 256):
        with refused(UsageError, "bin-spikes-range"):
            bin_events(one_sample([0.0], [0]), 1.0, 5, most_spikes=most)
    for group in (0, 10**13):
        with refused(UsageError, "group-range"):
            bin_events(one_sample([0.0], [0]), 1.0, 5, group=group)
    with refused(NetworkError, "steps-range"):
        bin_events(one_sample([0.0], [0]), 1.0, 0)


@pytest.mark.parametrize("n_samples", [0, 1, 5])
def test_networks_bin_events_in_their_steps_and_channels(n_samples: int) -> None:
    events = SpikeEvents(
        count=np.full(n_samples, 4),
        time_ms=np.arange(n_samples) * 3.0,
        unit=np.arange(n_samples) % 4,
        offset=np.arange(n_samples + 1),
        label=np.zeros(n_samples, np.int64),
        class_names=["one"],
        n_units=4,
    )
    network = Network(
        InputChannels(2, 2, 3), [Population("p", 1)], [], Readout("p", "first_spike"), 2.0, 5
    )
    for variant in (network, round_network(network).network):
        mine, theirs = variant.bin(events), bin_events(events, 2.0, 5, 2, most_spikes=3)
        assert (mine.surplus, mine.dropped) == (theirs.surplus, theirs.dropped)
        counts = [binned.raster.dense_counts() for binned in (mine, theirs)]
        np.testing.assert_array_equal(*counts)
    assert sum(part.n_samples for part in events.batches(2)) == n_samples


@given(st.integers(0, 1 << 49), st.sampled_from(DTS), st.integers(-1, 1))
def test_multiples_of_dt_start_their_steps_in_long_streams(step: int, dt: float, by: int) -> None:
    time = np.array([nudged(step * dt, by)])
    assert np.floor(step_position(time, dt)).tolist() == [step]
