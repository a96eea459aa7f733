"""Recordings compared bin by bin: counts, the first divergence, and incomparable recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.errors import DataError
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.comparison import (
    Agreement,
    Divergence,
    compare_recordings,
    spike_agreement,
)
from nmtool.verification.join import joined
from tests.networks.drawn import recordings
from tests.refusals import codes, refused

SAMPLES, STEPS = 3, 7
SIZES = {"first": 4, "second": 2, "out": 3}


def quiet() -> Recording:
    """A deep recording without spikes and with v = 10, u = 100 everywhere."""
    shape = {name: (SAMPLES, STEPS, size) for name, size in SIZES.items()}
    spiking = ("first", "second")
    return Recording(
        Readout("out", "max"),
        {name: Raster.silent(*shape[name]) for name in spiking},
        {"out": np.full(shape["out"], 10, np.int32)},
        {name: np.full(shape[name], 100, np.int32) for name in SIZES},
        {name: np.full(shape[name], 10, np.int32) for name in spiking},
    )


@pytest.fixture
def expected() -> Recording:
    return quiet()


def with_spike(recording: Recording, name: str, *place: int) -> Recording:
    dense = recording.spikes[name].dense()
    dense[place] ^= True
    return replace(recording, spikes={**recording.spikes, name: Raster.from_dense(dense)})


def with_counts(recording: Recording, counts: dict[tuple[int, int, int], int]) -> Recording:
    dense = np.zeros((SAMPLES, STEPS, SIZES["first"]), np.uint8)
    for place, count in counts.items():
        dense[place] = count
    return replace(recording, spikes={**recording.spikes, "first": Raster.from_dense(dense)})


def with_value(
    recording: Recording, group: str, name: str, place: tuple[int, int, int], value: int
) -> Recording:
    arrays = {key: array.copy() for key, array in getattr(recording, group).items()}
    arrays[name][place] = value
    return replace(recording, **{group: arrays})


def test_two_spikes_and_one_in_a_bin_differ(expected: Recording) -> None:
    """One bin has two spikes and not one, and another has three in both recordings."""
    one = with_counts(expected, {(0, 1, 2): 1, (2, 3, 0): 3})
    two = with_counts(expected, {(0, 1, 2): 2, (2, 3, 0): 3})
    comparison = compare_recordings(one, two)
    assert not comparison.identical
    assert (comparison.spikes_different, comparison.spikes_emitted) == (1, 4)
    assert comparison.bins_emitted == comparison.as_json()["bins_emitted"] == 2
    assert comparison.emitted == "spikes emitted 4 in 2 bins"
    assert comparison.first_divergence == Divergence(0, 1, "first", 2, "spike", 1, 2)
    assert str(comparison.first_divergence).endswith(", spikes: expected 1, got 2")
    agreement = spike_agreement(one, two)
    assert (agreement.spikes_shared, agreement.spikes_different) == (4, 1)
    assert agreement.share == pytest.approx(4 / 5)
    certificates = [
        Certificate(SAMPLES, "", {"x": Check(compared, one, 1.0)})
        for compared in (comparison, compare_recordings(expected, expected))
    ]
    merged = joined(*certificates).checks["x"].comparison
    assert (merged.spikes_emitted, merged.bins_emitted) == (4, 2)
    silent = joined(certificates[1], certificates[1]).checks["x"].comparison
    assert "bins_emitted" not in silent.as_json()


@given(recordings())
def test_a_recording_equals_itself(recording: Recording) -> None:
    comparison = compare_recordings(recording, recording)
    assert comparison.identical
    assert comparison.first_divergence is None
    bins = sum(raster.dense().size for raster in recording.spikes.values())
    assert comparison.spikes_compared == bins
    assert comparison.spikes_emitted == sum(r.n_spikes for r in recording.spikes.values())
    groups = (recording.membrane, recording.current, recording.potential)
    assert comparison.membrane_compared == sum(a.size for g in groups for a in g.values())


def test_the_counts_of_an_equal_pair(expected: Recording) -> None:
    bins = SAMPLES * STEPS
    assert compare_recordings(expected, expected).as_json() == {
        "spikes_compared": bins * (4 + 2),
        "spikes_different": 0,
        "spikes_emitted": 0,
        "membrane_compared": bins * (3 + (4 + 2 + 3) + (4 + 2)),
        "membrane_different": 0,
        "predictions_different": 0,
    }


@given(st.integers(0, SAMPLES - 1), st.integers(0, STEPS - 1), st.integers(0, 3))
def test_one_surplus_spike(sample: int, step: int, neuron: int) -> None:
    shape = (SAMPLES, STEPS, 4)
    silent = Recording(Readout("a", "first_spike"), {"a": Raster.silent(*shape)}, {})
    comparison = compare_recordings(silent, with_spike(silent, "a", sample, step, neuron))
    assert (comparison.spikes_compared, comparison.spikes_different) == (84, 1)
    assert comparison.spikes_emitted == 0
    assert not comparison.identical
    assert comparison.first_divergence == Divergence(sample, step, "a", neuron, "spike", 0.0, 1.0)


def test_one_missing_spike(expected: Recording) -> None:
    comparison = compare_recordings(with_spike(expected, "second", 1, 6, 1), expected)
    assert (comparison.spikes_different, comparison.spikes_emitted) == (1, 1)
    assert comparison.first_divergence == Divergence(1, 6, "second", 1, "spike", 1.0, 0.0)


def test_a_spike_one_step_later_is_two_differences(expected: Recording) -> None:
    early = with_spike(expected, "first", 0, 3, 2)
    comparison = compare_recordings(early, with_spike(expected, "first", 0, 4, 2))
    assert comparison.spikes_different == 2
    assert comparison.first_divergence == Divergence(0, 3, "first", 2, "spike", 1.0, 0.0)


@pytest.mark.parametrize(
    ("group", "name", "quantity", "value"),
    [
        ("membrane", "out", "v", 10),
        ("potential", "second", "v", 10),
        ("current", "first", "u", 100),
        ("current", "out", "u", 100),
    ],
)
def test_one_different_value(
    expected: Recording, group: str, name: str, quantity: str, value: int
) -> None:
    actual = with_value(expected, group, name, (2, 5, 1), value - 1)
    comparison = compare_recordings(expected, actual)
    assert (comparison.spikes_different, comparison.membrane_different) == (0, 1)
    assert not comparison.identical
    divergence = Divergence(2, 5, name, 1, quantity, float(value), float(value - 1))
    assert comparison.first_divergence == divergence


def test_predictions_are_counted_in_samples(expected: Recording) -> None:
    actual = with_value(expected, "membrane", "out", (0, 2, 2), 99)
    actual = with_value(actual, "membrane", "out", (2, 0, 1), 99)
    assert compare_recordings(expected, actual).predictions_different == 2


CHANGES: list[tuple[str, Any]] = [
    # The changes are in the order of divergences: by sample, then by step, then u, v and spikes.
    ("u at 0, 1", lambda r: with_value(r, "current", "second", (0, 1, 0), -1)),
    ("v at 0, 1", lambda r: with_value(r, "potential", "first", (0, 1, 3), -1)),
    ("spike at 0, 1", lambda r: with_spike(r, "first", 0, 1, 0)),
    ("membrane at 0, 6", lambda r: with_value(r, "membrane", "out", (0, 6, 0), -1)),
    ("u at 1, 0", lambda r: with_value(r, "current", "out", (1, 0, 0), -1)),
    ("spike at 2, 0", lambda r: with_spike(r, "second", 2, 0, 0)),
]


@given(st.lists(st.sampled_from(range(len(CHANGES))), unique=True, min_size=1))
def test_the_first_divergence_of_several(chosen: list[int]) -> None:
    recording = quiet()
    alone = compare_recordings(recording, CHANGES[min(chosen)][1](recording)).first_divergence
    actual = recording
    for index in chosen:
        actual = CHANGES[index][1](actual)
    comparison = compare_recordings(recording, actual)
    assert comparison.first_divergence == alone
    assert comparison.spikes_different + comparison.membrane_different == len(chosen)


@given(recordings(), st.data())
def test_counts_are_those_of_the_naive_loop(recording: Recording, data: st.DataObject) -> None:
    other = Recording(
        recording.readout,
        {name: _shuffled(raster, data) for name, raster in recording.spikes.items()},
        {name: array[:, ::-1] for name, array in recording.membrane.items()},
    )
    shallow = replace(recording, current={}, potential={})
    comparison = compare_recordings(shallow, other)
    rasters = [(a, other.spikes[name]) for name, a in shallow.spikes.items()]
    pairs = [tuple(raster.dense_counts().astype(int) for raster in pair) for pair in rasters]
    assert comparison.spikes_different == sum(int((a != b).sum()) for a, b in pairs)
    filled = sum(int((a > 0).sum()) for a, _ in pairs)
    assert (comparison.bins_emitted or comparison.spikes_emitted) == filled
    agreement = spike_agreement(shallow, other)
    assert agreement.spikes_shared == sum(int(np.minimum(a, b).sum()) for a, b in pairs)
    assert agreement.spikes_different == sum(int(abs(a - b).sum()) for a, b in pairs)
    pairs = [(a, other.membrane[name]) for name, a in shallow.membrane.items()]
    assert comparison.membrane_different == sum(int((a != b).sum()) for a, b in pairs)
    wrong = sum(a != b for a, b in zip(shallow.predictions, other.predictions, strict=True))
    assert comparison.predictions_different == wrong


def _shuffled(raster: Raster, data: st.DataObject) -> Raster:
    return raster.take(data.draw(st.permutations(range(raster.n_samples))))


def test_only_quantities_of_the_expected_recording_are_compared(expected: Recording) -> None:
    shallow = replace(expected, current={}, potential={})
    assert compare_recordings(shallow, expected).membrane_compared == SAMPLES * STEPS * 3
    assert compare_recordings(shallow, expected).identical


# Tests with real numbers


def test_membranes_within_the_tolerance_are_equal(expected: Recording) -> None:
    """The largest membrane is 10; one of ten values differs by 1e-8, one by 1e-3."""
    near = expected.membrane["out"].astype(np.float64)
    near[0, 1, 2] += 1e-8
    actual = replace(expected, membrane={"out": near})
    assert compare_recordings(expected, actual).membrane_different == 1
    assert compare_recordings(expected, actual, tolerance=1e-8).identical
    near[2, 3, 1] -= 1e-3
    actual = replace(expected, membrane={"out": near})
    comparison = compare_recordings(expected, actual, tolerance=1e-8)
    assert (comparison.membrane_different, comparison.identical) == (1, False)
    assert comparison.first_divergence == Divergence(2, 3, "out", 1, "v", 10, 10 - 1e-3)
    near[2, 3, 1] = np.nan
    actual = replace(expected, membrane={"out": near})
    assert compare_recordings(expected, actual, tolerance=1e-8).membrane_different == 1


def test_no_tolerance_for_spikes(expected: Recording) -> None:
    actual = with_spike(expected, "first", 0, 1, 2)
    assert compare_recordings(expected, actual, tolerance=1.0).spikes_different == 1


def test_agreement_counts_spikes_and_predictions(expected: Recording) -> None:
    both = with_spike(expected, "first", 0, 1, 2)
    other = with_spike(with_spike(both, "second", 1, 2, 0), "first", 1, 1, 1)
    other = with_value(other, "membrane", "out", (2, 0, 1), 11)
    bins = SAMPLES * STEPS * 6
    agreement = spike_agreement(both, other)
    assert agreement == Agreement(bins, 2, 1, 1)
    assert agreement.share == pytest.approx(1 / 3)
    assert spike_agreement(expected, expected) == Agreement(bins, 0, 0, 0)
    assert spike_agreement(expected, expected).share == 1.0


def test_agreement_needs_no_u_and_v(expected: Recording) -> None:
    """NIR's recordings have no u and v, but those of the integers may have them."""
    shallow = replace(expected, current={}, potential={})
    assert (
        spike_agreement(expected, shallow)
        == spike_agreement(shallow, expected)
        == spike_agreement(expected, expected)
    )


# Tests of recordings that cannot be compared


def silent(*shape: int, names: tuple[str, ...] = ("a",)) -> Recording:
    """A silent recording of one or more spiking populations of one shape."""
    return Recording(
        Readout(names[0], "first_spike"), {name: Raster.silent(*shape) for name in names}, {}
    )


@pytest.mark.parametrize("shape", [(1, 10, 30), (2, 30, 10), (1, 29, 10), (1, 30, 11)])
def test_spikes_of_other_shapes(shape: tuple[int, int, int]) -> None:
    """Both recordings are silent. With the first shape they have as many bins: no count differs."""
    for compared in (compare_recordings, spike_agreement):
        with refused(DataError, "recordings-incomparable") as caught:
            compared(silent(1, 30, 10), silent(*shape))
        assert codes(caught.value) == ["recording-shape"]
        finding = caught.value.findings[0]
        assert finding.where == "spikes of a"
        assert "[1, 30, 10]" in finding.what
        assert str(list(shape)) in finding.what


def test_populations_in_only_one_of_two_recordings() -> None:
    narrow, wide = silent(1, 4, 2, names=("a",)), silent(1, 4, 2, names=("a", "b"))
    for expected, actual in ((narrow, wide), (wide, narrow)):
        with refused(DataError, "recordings-incomparable") as caught:
            compare_recordings(expected, actual)
        assert [finding.where for finding in caught.value.findings] == ["spikes of b"]
        assert "[1, 4, 2]" in caught.value.findings[0].what


@pytest.mark.parametrize("group", ["membrane", "current", "potential"])
def test_expected_values_that_were_not_recorded_are_listed(expected: Recording, group: str) -> None:
    values = getattr(expected, group)
    with refused(DataError, "recordings-incomparable") as caught:
        compare_recordings(expected, replace(expected, **{group: {}}))
    findings = {finding.where: finding.what for finding in caught.value.findings}
    assert list(findings) == [f"{group} of {name}" for name in values]
    for name, array in values.items():
        assert str(list(array.shape)) in findings[f"{group} of {name}"]


def test_all_arrays_of_other_shapes_are_listed(expected: Recording) -> None:
    actual = replace(
        expected,
        spikes={**expected.spikes, "second": Raster.silent(SAMPLES, STEPS, 9)},
        membrane={"out": expected.membrane["out"][:, 1:]},
        current={**expected.current, "first": expected.current["first"][:1]},
    )
    with refused(DataError, "recordings-incomparable") as caught:
        compare_recordings(expected, actual)
    assert codes(caught.value) == ["recording-shape"] * 3
    places = ["spikes of second", "membrane of out", "current of first"]
    assert [finding.where for finding in caught.value.findings] == places
    shapes = [("[3, 7, 2]", "[3, 7, 9]"), ("[3, 7, 3]", "[3, 6, 3]"), ("[3, 7, 4]", "[1, 7, 4]")]
    for finding, (mine, theirs) in zip(caught.value.findings, shapes, strict=True):
        assert mine in finding.what
        assert theirs in finding.what


@given(recordings(), st.data())
def test_recordings_of_other_shapes_are_never_identical(
    recording: Recording, data: st.DataObject
) -> None:
    other = _reshaped(recording, data)
    for expected, actual in ((recording, other), (other, recording)):
        if expected is other and not _recorded_states(other) >= _recorded_states(recording):
            continue  # If only `actual` has u and v of a population, they are not compared.
        with refused(DataError, "recordings-incomparable"):
            compare_recordings(expected, actual)


def _recorded_states(recording: Recording) -> set[tuple[str, str]]:
    """Quantity and population of every u and v in a recording."""
    return {(group, n) for group in ("current", "potential") for n in getattr(recording, group)}


def _reshaped(recording: Recording, data: st.DataObject) -> Recording:
    """The recording with one part left out, or with one axis shortened or extended."""
    groups = ("spikes", "membrane", "current", "potential")
    parts = [(group, name) for group in groups for name in getattr(recording, group)]
    group, name = data.draw(st.sampled_from(parts))
    content = dict(getattr(recording, group))
    dense = content[name].dense() if group == "spikes" else content[name]
    axis, change = data.draw(st.integers(0, 2)), data.draw(st.sampled_from(["out", "cut", "grown"]))
    if change == "out":
        del content[name]
        return replace(recording, **{group: content})
    last = np.take(dense, [-1], axis)
    changed = np.delete(dense, -1, axis) if change == "cut" else np.append(dense, last, axis)
    content[name] = Raster.from_dense(changed) if group == "spikes" else changed
    return replace(recording, **{group: content})
