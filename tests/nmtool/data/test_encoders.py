"""Encoders: the spikes tell the numbers, and no change or crossing is lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

import nmtool as nm
from nmtool.errors import DataError, NetworkError, NmtoolError, UsageError
from tests.refusals import refused

signals = arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 3)),
    elements=st.floats(-100, 100),
)
images = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(0, 1),
)


def counts_of(events: nm.SpikeEvents, n_steps: int, dt_ms: float = 1.0) -> np.ndarray:
    """[samples, steps, units] int64: all spikes, however many in a bin."""
    counts = np.zeros((events.n_samples, n_steps, events.n_units), np.int64)
    step = np.rint(events.time_ms / dt_ms).astype(int)
    np.add.at(counts, (events.sample_index(), step, events.unit), events.event_counts())
    return counts


@given(signals, st.floats(0.01, 50), st.sampled_from([0.1, 1.0, 2.5]))
def test_changes_tell_the_signal_up_to_a_threshold(
    values: np.ndarray, threshold: float, dt_ms: float
) -> None:
    labels = np.zeros(len(values), int)
    events = nm.encode_delta(values, labels, threshold=threshold, dt_ms=dt_ms)
    assert events.n_units == 2 * values.shape[2]
    counts = counts_of(events, values.shape[1], dt_ms)
    told = values[:, :1] + threshold * np.cumsum(counts[..., 0::2] - counts[..., 1::2], axis=1)
    assert (np.abs(told - values) < threshold * (1 + 1e-6)).all()
    assert not (counts[..., 0::2] * counts[..., 1::2]).any()


def test_a_change_of_several_thresholds_is_an_event_of_several_spikes() -> None:
    signal = np.array([0.0, 0.3, 0.3, 0.35, -0.3, -0.3])[None, :, None]
    events = nm.encode_delta(signal, ["a"], threshold=0.1)
    assert events.time_ms.tolist() == [1, 4]
    assert events.unit.tolist() == [0, 1]
    assert events.count.tolist() == [3, 6]


@given(signals, st.lists(st.floats(-100, 100), min_size=1, max_size=3))
def test_crossings_alternate_and_tell_the_side_of_each_level(
    values: np.ndarray, levels: list[float]
) -> None:
    events = nm.encode_crossings(values, np.zeros(len(values), int), levels=levels)
    counts = counts_of(events, values.shape[1])
    above = values[..., None] >= np.array(levels)
    rises, falls = (counts[..., side::2].reshape(above.shape) for side in (0, 1))
    assert (above[:, :1] + np.cumsum(rises - falls, axis=1) == above).all()
    assert counts.max(initial=0) <= 1


@given(images, st.floats(1.0, 200.0), st.sampled_from([0.0, 0.05, 0.5]))
def test_latencies_tell_the_values(values: np.ndarray, span_ms: float, weakest: float) -> None:
    labels = np.zeros(len(values), int)
    events = nm.encode_latency(values, labels, span_ms=span_ms, weakest=weakest)
    pixels = values.reshape(len(values), -1)
    told = np.full(pixels.shape, np.nan)
    told[events.sample_index(), events.unit] = 1 - events.time_ms / span_ms
    assert events.n_events == (pixels >= weakest).sum()
    assert np.allclose(told[pixels >= weakest], pixels[pixels >= weakest], rtol=0, atol=1e-9)


@given(images, st.integers(0, 5), st.sampled_from([0.3, 1.0]))
def test_rates_depend_on_the_seed_and_on_earlier_samples_not_at_all(
    values: np.ndarray, seed: int, peak: float
) -> None:
    def encoded(part: np.ndarray, seed: int) -> nm.SpikeEvents:
        labels = np.zeros(len(part), int)
        return nm.encode_rate(part, labels, steps=20, peak=peak, seed=seed)

    events = encoded(values, seed)
    assert events.content_hash == encoded(values, seed).content_hash
    assert events[:1].content_hash == encoded(values[:1], seed).content_hash
    counts = counts_of(events, 20)
    pixels = np.broadcast_to(values.reshape(len(values), 1, -1), counts.shape)
    assert counts.max(initial=0) <= 1
    assert not counts[pixels == 0].any()
    assert peak < 1 or counts[pixels == 1].all()


def test_rates_are_proportional_to_values() -> None:
    values = np.array([[0.1, 0.5, 1.0]])
    events = nm.encode_rate(values, [0], steps=20_000, peak=0.5, seed=3, dt_ms=0.5)
    shares = np.bincount(events.unit) / 20_000
    assert shares == pytest.approx(0.5 * values[0], abs=0.02)
    assert events.last_ms[0] <= 19_999 * 0.5
    other = nm.encode_rate(values, [0], steps=20_000, peak=0.5, seed=4, dt_ms=0.5)
    assert other.content_hash != events.content_hash


ENCODERS = {
    "latency": nm.encode_latency,
    "rate": nm.encode_rate,
    "delta": lambda values, labels, **options: nm.encode_delta(
        values, labels, **{"threshold": 0.1, **options}
    ),
    "crossings": lambda values, labels, **options: nm.encode_crossings(
        values, labels, **{"levels": [0.5], **options}
    ),
    "values": nm.SpikeEvents.from_values,
}


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_classes_groups_and_axes_of_channels_are_kept(
    encode: Callable[..., nm.SpikeEvents], caplog: pytest.LogCaptureFixture
) -> None:
    values = np.random.default_rng(0).random((2, 3, 100, 2))
    events = encode(values, ["b", "a"], groups={"person": [4, 5]})
    assert not caplog.text
    assert events.class_names == ("a", "b")
    assert events.label.tolist() == [1, 0]
    assert events.groups["person"].tolist() == [4, 5]
    flat = encode(values.reshape(2, 3, 200), ["b", "a"], groups={"person": [4, 5]})
    assert flat.content_hash == events.content_hash


@pytest.mark.parametrize(
    ("name", "values", "options", "error", "code"),
    [
        ("latency", np.zeros((2, 2)), {"span_ms": 0.0}, UsageError, "setting-range"),
        ("latency", np.full((2, 2), 1.1), {}, DataError, "values-range"),
        ("latency", np.full((2, 2), -0.1), {}, DataError, "values-range"),
        ("latency", np.zeros(2), {}, DataError, "values-dimensions"),
        ("rate", np.full((2, 2), 255), {}, DataError, "values-range"),
        ("rate", np.zeros((2, 2)), {"peak": 1.1}, UsageError, "setting-range"),
        ("rate", np.zeros((2, 2)), {"steps": 0}, NetworkError, "steps-range"),
        ("rate", np.zeros((2, 2)), {"seed": -1}, UsageError, "setting-range"),
        ("delta", np.zeros((2, 2)), {}, DataError, "values-dimensions"),
        ("delta", np.zeros((2, 3, 1)), {"threshold": 0.0}, UsageError, "setting-range"),
        ("delta", np.full((2, 3, 1), np.nan), {}, DataError, "values-not-finite"),
        ("crossings", np.zeros((2, 3, 1)), {"levels": ["a"]}, DataError, "values-not-numbers"),
        ("values", np.zeros((2, 3)), {}, DataError, "values-dimensions"),
        ("values", np.zeros((2, 3, 1)), {"bits": 9}, NetworkError, "analogue-bits"),
        ("values", np.zeros((3, 3, 1)), {}, DataError, "lengths-differ"),
    ],
)
def test_invalid_values_and_options_are_refused(
    name: str, values: np.ndarray, options: dict, error: type[NmtoolError], code: str
) -> None:
    with refused(error, code):
        ENCODERS[name](values, [0, 1], **options)
