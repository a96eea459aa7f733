"""The live benchmark on a tiny network: its results, not its speed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import live
from benchmarks.workload import Workload
from tests.benchmarks.tiny import TINY

pytestmark = pytest.mark.torch


def test_the_stream_is_the_batch_sample_after_sample() -> None:
    spikes = TINY.spikes()
    stream = live._channels(spikes)
    dense = spikes.dense().reshape(-1, TINY.channels)
    assert len(stream) == TINY.batch * TINY.n_steps
    for channels, row in zip(stream, dense, strict=True):
        assert np.array_equal(channels, np.flatnonzero(row))


def test_the_command_measures_and_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tiny(hidden: int, batch: int) -> Workload:
        return replace(TINY, hidden=hidden, batch=batch)

    monkeypatch.setattr(live, "Workload", tiny)
    file = tmp_path / "live.json"
    options = ("--hidden", "9", "12", "--seconds", "2", "--rounds", "1", "--json", str(file))
    assert live.main(options) == 0
    rows = json.loads(file.read_text("utf-8"))["rows"]
    assert [row["hidden"] for row in rows] == [9, 12]
    assert all(row["hidden_rate_hz"] > 0 and row["times_real_time"] > 0 for row in rows)
    assert "12 hidden neurons" in capsys.readouterr().out
    assert live.main(["--json", str(tmp_path / "none" / "x.json")]) == 2
