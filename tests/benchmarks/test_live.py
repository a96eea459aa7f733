"""The live benchmark on a tiny network: its results, not its speed."""

from __future__ import annotations

from dataclasses import replace

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


def test_the_command_prints_a_row_per_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tiny(hidden: int, batch: int) -> Workload:
        return replace(TINY, hidden=hidden, batch=batch)

    monkeypatch.setattr(live, "Workload", tiny)
    assert live.main(["--hidden", "9", "12", "--seconds", "2", "--rounds", "1"]) == 0
    *_, first, second = capsys.readouterr().out.splitlines()
    for line, hidden in ((first, "9"), (second, "12")):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert cells[0] == hidden
        assert len(cells) == len(live.TITLES)
        assert all(float(number) > 0 for number in cells[1:])
