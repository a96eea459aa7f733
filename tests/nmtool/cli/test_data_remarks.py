"""Remarks on data and settings that `nmtool train` prints before it learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from nmtool.data import load_dataset, write_shd
from nmtool.network.float_network import Network
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

pytestmark = pytest.mark.torch


def _without_units(folder: Path) -> None:
    for path in folder.iterdir():
        with h5py.File(path, "a") as file:
            del file.attrs["n_units"]


def test_an_assumed_number_of_channels(nmtool: Nmtool, data: Path) -> None:
    _without_units(data)
    result = nmtool("train", "two", "-o", "run", *cases.SETTINGS, "--epochs", 1)
    assert result.code == 0
    first, *others = result.err.splitlines()
    for value in ("two", "700", "--units N", "n_units"):
        assert value in first
    expected = ["remark[channels-unused]:", "trains", "epoch"]
    assert [line.split()[0] for line in others] == expected
    result = nmtool("train", "two", "-o", "four", *cases.SETTINGS, "--epochs", 1, "--units", 4)
    assert len(result.err.splitlines()) == 2


def test_events_after_the_last_step(nmtool: Nmtool, data: Path) -> None:
    del data
    events = load_dataset("two", validation=4).train
    late = int((events.time_ms >= 2 * 9).sum())
    assert late > 3
    words = ("train", "two", "-o", "run", *cases.SETTINGS, "--dt", 2, "--steps", 9, "--epochs", 2)
    words += ("--init-delay-input", 4)
    lines = nmtool(*words).err.splitlines()
    assert lines[0].startswith(f"remark[events-dropped]: {late} of the {events.n_events} events ")
    assert [line.split()[0] for line in lines[1:]] == ["trains", "epoch", "epoch"]
    result = nmtool("train", "two", "-o", "run", "--resume")
    assert result.code == 0
    assert "events-dropped" not in result.err


def test_delay_bits_too_few_for_the_longest_delay(nmtool: Nmtool, data: Path) -> None:
    del data
    integers = ("--arithmetic", "integer", "--epochs", 1)
    few = (*integers, "--delay-bits", 2, "--delay-stride", 2)
    train = ("train", "two", "-o", "run", *cases.SETTINGS)
    for words in (train, ("train", "--start", "run", "-o", "fine")):
        result = nmtool(*words, *few)
        assert result.code == 0, result.err
        lines = [line for line in result.err.splitlines() if "max_delay is 9" in line]
        assert len(lines) == 1
    result = nmtool("train", "two", "-o", "near", *cases.SETTINGS, *integers, "--delay-bits", 2)
    assert [line.split()[0] for line in result.err.splitlines()] == ["trains", "epoch"]


def test_times_in_milliseconds(nmtool: Nmtool, data: Path) -> None:
    events = cases.spike_events(cases.N_TRAIN, 1)
    wrong = replace(events, time_ms=1000 * events.time_ms)
    write_shd(data / "two_train.h5", wrong, force=True)
    words = ("train", "two", "-o", "run", *cases.SETTINGS)
    result = nmtool(*words)
    assert (result.code, result.error) == (2, "events-mostly-dropped")
    assert "such as time_us" in result.err
    assert not Path("run").exists()
    wrong = replace(wrong, time_ms=10 * wrong.time_ms)
    write_shd(data / "two_train.h5", wrong, force=True)
    result = nmtool(*words, "--steps", "auto", "--dt", "1")
    assert (result.code, result.error) == (2, "steps-too-many")
    result = nmtool(*words, "--steps", "auto", "--epochs", "1")
    assert "remark[times-look-like-ms]" in result.err


@pytest.mark.usefixtures("data")
def test_steps_of_the_data(nmtool: Nmtool) -> None:
    words = ("train", "two", "-o", "run", *cases.SETTINGS, "--validation", 0, "--steps", "auto")
    result = nmtool(*words, "--epochs", 1, "--dt", 1)
    assert result.code == 0
    last = cases.spike_events(cases.N_TRAIN, 1).time_ms.max()
    # The last event is followed by 10 more steps, which are one membrane time constant.
    steps = int(last) + 1 + 10
    assert result.err.startswith(f"chosen for these samples: --steps {steps};")
    assert json.loads(Path("run/run.json").read_text())["options"]["steps"] == steps
    assert Network.load("run/network.npz").n_steps == steps
    assert nmtool(*words[:4], "--resume", "--steps", "auto").code == 0
    assert nmtool("train", "two", "-o", "other", "--steps", "some").error == "command-line"
