"""`nmtool verify NETWORK DATA --against recording.npz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmtool.data import bin_events
from nmtool.float_simulator import simulate_floats
from nmtool.hardware_sim.simulator import simulate
from nmtool.recording import Recording
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

RASTER = bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 30).raster


def write(recording: Recording) -> None:
    (name,) = recording.spikes
    np.savez("mine.npz", axes="samples steps neurons", **{name: recording.spikes[name].dense()})


def test_a_recording_is_of_the_first_samples(nmtool: Nmtool, data: Path, integers: Path) -> None:
    write(simulate(cases.integer_network(), RASTER[:4]))
    result = nmtool("verify", integers, data, "--samples", 4, "--against", "mine.npz", "--json")
    assert result.code == 0
    entry = result.json["backends"]["mine.npz"]
    assert (entry["spikes_different"], entry["spikes_compared"]) == (0, 4 * 30 * 3)
    assert len(result.json["artefacts"]["mine.npz"]) == 64


def test_floats_stay_floats(nmtool: Nmtool, data: Path, floats: Path) -> None:
    ran = simulate_floats(cases.float_network(), RASTER)
    write(ran)
    result = nmtool("verify", floats, data, "--against", "mine.npz")
    assert result.code == 0
    assert "different 0" in result.out
    (name, raster), *_ = ran.spikes.items()
    dense = np.roll(raster.dense(), 1, axis=1)
    np.savez("mine.npz", axes="samples steps neurons", **{name: dense})
    result = nmtool("verify", floats, data, "--against", "mine.npz")
    assert result.code == 1
    assert "recording-shifted" in result.out
    assert " in mine.npz\n" in result.out  # The output names the recording.


def test_invalid_recordings_are_refused(nmtool: Nmtool, data: Path, integers: Path) -> None:
    result = nmtool("verify", integers, data, "--against", "lawa")
    assert (result.code, result.out) == (2, "")
    assert "lava" in result.err
    result = nmtool("verify", integers, data, "--against", "mine.npz")
    assert (result.code, result.error) == (2, "file-missing")
    np.savez("mine.npz", hidden=np.zeros(3))
    result = nmtool("verify", integers, "--against", "mine.npz")
    assert (result.code, result.error) == (2, "recording-data")
    result = nmtool("verify", integers, data, "--against", "mine.npz")
    assert (result.code, result.error) == (2, "recording-unfit")
    (page,) = (word for word in result.err.split() if word.endswith(".md"))
    assert Path(page).read_text().startswith("# ")
    assert "recording-axes" in result.err
