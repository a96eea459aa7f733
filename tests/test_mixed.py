"""`tests.mixed` compares all that runs here, and finds a difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests import mixed

pytestmark = pytest.mark.torch


def test_a_few_networks_are_equal_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--networks", "12", "--only", "session", "training", "json"]
    assert mixed.main(words) == 0
    shown = capsys.readouterr().out
    assert "12 networks from seed 0" in shown
    for part in ("reset zero", "reset subtract", "reset late", "counts of neurons", "numbers"):
        assert part in shown


def test_a_difference_is_shown_and_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = mixed.in_session

    def wrong(network: IntegerNetwork, spikes: Raster) -> Recording:
        recording = right(network, spikes)
        current = {name: u + (name == "out") for name, u in recording.current.items()}
        return replace(recording, current=current)

    monkeypatch.setattr(mixed, "in_session", wrong)
    assert mixed.main(["--networks", "1", "--only", "session"]) == 1
    assert "seed 0, session: sample 0, step 0, out[0], u: expected" in capsys.readouterr().out
