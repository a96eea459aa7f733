"""Recordings that do not fit into memory are made in portions, with the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool import batches
from nmtool.batches import recorded_at_once
from nmtool.data.samples import bin_for
from tests.nmtool.cli import cases

NETWORK, EVENTS = cases.integer_network(), cases.spike_events(23, 2)
SAMPLES, DATA = bin_for(NETWORK, EVENTS), nm.Dataset.of(train=EVENTS, test=EVENTS)


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most five samples are recorded at once."""
    outputs = sum(p.size for p in NETWORK.populations if p.kind != "lif")
    monkeypatch.setattr(batches, "MAX_RECORDED", 5 * outputs * NETWORK.n_steps)


@pytest.mark.parametrize(("outputs", "expected"), [(1, 67_072), (5_000, 13), (1 << 23, 1)])
def test_the_size_of_a_recording_is_limited(outputs: int, expected: int) -> None:
    network = nm.Network.layers([3, 2, outputs])
    assert recorded_at_once(network, 1000) == expected
    assert outputs * 1000 * expected <= max(batches.MAX_RECORDED, outputs * 1000)
    assert recorded_at_once(network, 1000, deep=True) <= expected


@pytest.mark.usefixtures("portions")
@pytest.mark.parametrize("data", [EVENTS, SAMPLES])
def test_an_evaluation_in_portions_is_that_of_all_samples(
    data: nm.SpikeEvents | nm.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = nm.evaluate(NETWORK, data)
    monkeypatch.undo()
    whole = nm.evaluate(NETWORK, data)
    assert (parts.recording, whole.recording is None) == (None, False)
    assert parts.as_json() == whole.as_json()
    np.testing.assert_array_equal(parts.scores, whole.scores)


@pytest.mark.usefixtures("portions")
def test_a_certificate_in_portions_is_that_of_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = nm.verify(NETWORK, SAMPLES, against=["json"]).as_json()
    monkeypatch.undo()
    whole = nm.verify(NETWORK, SAMPLES, against=["json"]).as_json()
    for certificate in (parts, whole):
        for check in certificate["backends"].values():
            check.pop("seconds", None)
    assert parts == whole


@pytest.mark.usefixtures("portions")
def test_a_report_in_portions_has_the_numbers_of_all_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    NETWORK.save(tmp_path / "net.npz")
    parts = nm.report(tmp_path / "net.npz", DATA).as_json()
    monkeypatch.undo()
    whole = nm.report(tmp_path / "net.npz", DATA).as_json()
    assert parts == whole
