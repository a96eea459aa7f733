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


def test_integers(nmtool: Nmtool, data: Path, integers: Path) -> None:
    write(simulate(cases.integer_network(), RASTER))
    said = nmtool("verify", integers, data, "--split", "test", "--against", "mine.npz", "--json")
    assert said.code == 0
    entry = said.json["backends"]["mine.npz"]
    assert (entry["spikes_different"], entry["spikes_compared"]) == (0, RASTER.n_samples * 30 * 3)
    assert len(said.json["artefacts"]["mine.npz"]) == 64


def test_floats_stay_floats(nmtool: Nmtool, data: Path, floats: Path) -> None:
    ran = simulate_floats(cases.float_network(), RASTER)
    write(ran)
    said = nmtool("verify", floats, data, "--split", "test", "--against", "mine.npz")
    assert said.code == 0
    assert "different 0" in said.out
    (name, raster), *_ = ran.spikes.items()
    dense = np.roll(raster.dense(), 1, axis=1)
    np.savez("mine.npz", axes="samples steps neurons", **{name: dense})
    said = nmtool("verify", floats, data, "--split", "test", "--against", "mine.npz")
    assert said.code == 1
    assert "recording-shifted" in said.out


def test_what_is_no_recording(nmtool: Nmtool, data: Path, integers: Path) -> None:
    said = nmtool("verify", integers, data, "--against", "lawa")
    assert (said.code, said.out) == (2, "")
    assert "lava" in said.err
    said = nmtool("verify", integers, data, "--against", "mine.npz")
    assert (said.code, said.error) == (2, "file-missing")
    np.savez("mine.npz", hidden=np.zeros(3))
    said = nmtool("verify", integers, "--against", "mine.npz")
    assert (said.code, said.error) == (2, "recording-data")
    said = nmtool("verify", integers, data, "--against", "mine.npz")
    assert (said.code, said.error) == (2, "recording-unfit")
    (page,) = (word for word in said.err.split() if word.endswith(".md"))
    assert Path(page).read_text().startswith("# ")
    assert "recording-axes" in said.err
