"""Bad input ends in an error that says what, why and how to mend it; nothing existing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from nmtool.data import SpikeEvents, write_shd
from nmtool.graph import InputChannels
from nmtool.network import Projection
from tests.nmtool.cli import cases
from tests.nmtool.cli.cases import Said
from tests.nmtool.cli.conftest import Nmtool


def _assert_refused(said: Said, *told: str, code: int = 2) -> None:
    assert said.code == code, said
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    for text in told:
        assert text in said.err


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-600])


def _raw(times: list, units: list, labels: list) -> Callable[[Path], None]:
    return lambda path: cases.write_raw(path, times, units, labels)


def _without_units(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["spikes/units"]


BAD_FILES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing": (Path.unlink, ["'two' has no test split"]),
    "truncated": (_truncate, ["two_test.h5 is damaged", "  why: ", "  fix: "]),
    "text": (lambda path: path.write_text("hello"), ["two_test.h5 is damaged", "  fix: "]),
    "without units": (_without_units, ["two_test.h5: 'spikes/units' is missing", "  why: "]),
    "unit beyond the last": (
        _raw([[0.0], [0.001, 0.002]], [[0], [1, cases.N_UNITS]], [0, 1]),
        ["two_test.h5: sample 1, event 1: unit 4 is not one of the 4 units", "  why: ", "  fix: "],
    ),
    "negative unit": (
        _raw([[0.0]], [[-1]], [0]),
        ["two_test.h5: sample 0, event 0: unit -1 is not one of the 4 units"],
    ),
    "time goes backwards": (
        _raw([[], [0.002, 0.001]], [[], [0, 0]], [0, 1]),
        ["sample 1, event 1: time goes backwards, from 2 to 1 ms", "  fix: sort the events"],
    ),
    "time is not a number": (
        _raw([[0.0, np.nan]], [[0, 0]], [0]),
        ["sample 0, event 1: the time nan is not finite"],
    ),
    "time is infinite": (_raw([[np.inf]], [[0]], [0]), ["the time inf is not finite"]),
    "time is negative": (_raw([[-0.5]], [[0]], [0]), ["the time -500 ms is negative"]),
    "label beyond the classes": (
        _raw([[0.0], [0.0]], [[0], [0]], [0, 2]),
        ["two_test.h5: sample 1: label 2 is not one of the 2 classes", "  why: ", "  fix: "],
    ),
    "negative label": (_raw([[0.0]], [[0]], [-1]), ["label -1 is not one of the 2 classes"]),
    "times without units": (_raw([[0.0, 0.1]], [[0]], [0]), ["has 2 times, but 1 units"]),
    "no sample": (_raw([], [], []), ["'two' has no sample in its test split"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(case: str, nmtool: Nmtool, data: Path, integers: Path) -> None:
    spoil, told = BAD_FILES[case]
    spoil(data / "two_test.h5")
    _assert_refused(nmtool("evaluate", integers, "two"), *told)


@pytest.mark.parametrize("case", [case for case in BAD_FILES if case != "missing"])
def test_bad_calibration_data_write_nothing(
    case: str, nmtool: Nmtool, data: Path, floats: Path
) -> None:
    spoil, told = BAD_FILES[case]
    spoil(data / "two_train.h5")
    said = nmtool("quantize", floats, "-o", "q.npz", "--data", "two")
    _assert_refused(said, *(text.replace("test", "train") for text in told))
    assert not Path("q.npz").exists()


@pytest.mark.parametrize("case", [case for case in BAD_FILES if case != "missing"])
@pytest.mark.torch
def test_bad_training_data_start_no_run(case: str, nmtool: Nmtool, data: Path) -> None:
    spoil, told = BAD_FILES[case]
    spoil(data / "two_train.h5")
    said = nmtool("train", "two", "-o", "run", *cases.SETTINGS, "--validation", "0")
    if case == "no sample":
        told = ["there are no training samples"]
    _assert_refused(said, *(text.replace("test", "train") for text in told))
    assert not Path("run").exists()


@pytest.mark.parametrize("case", ["truncated", "label beyond the classes"])
def test_bad_file_in_the_data_command(case: str, nmtool: Nmtool, data: Path) -> None:
    spoil, told = BAD_FILES[case]
    spoil(data / "two_test.h5")
    _assert_refused(nmtool("data", "two", "--json"), *told)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("digts", ["there is no data set or folder 'digts'", "did you mean 'digits'?"]),
        (".", ["holds no data set in SHD layout", "  why: there is no file *_train.h5"]),
        ("two/two_test.h5", ["is a file, not a folder", "  fix: name its folder: two"]),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_data_set(word: str, told: list[str], nmtool: Nmtool, integers: Path) -> None:
    for words in (["data", word], ["evaluate", integers, word]):
        _assert_refused(nmtool(*words), *told)


@pytest.mark.usefixtures("data")
def test_options_that_do_not_fit_the_data_set(nmtool: Nmtool, integers: Path) -> None:
    _assert_refused(nmtool("data", "yinyang", "--units", "4"), "is known and cannot be chosen")
    _assert_refused(
        nmtool("evaluate", integers, "two", "--split", "validation"),
        "'two' has no validation split",
        "  fix: ",
    )
    _assert_refused(nmtool("evaluate", integers, "two", "--units", "2"), "unit 2 is not one of")


BAD_NETWORKS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing": (Path.unlink, ["there is no file or folder"]),
    "truncated": (
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        ["integers.npz is damaged or not an nmtool file", "  why: "],
    ),
    "flipped": (
        lambda path: path.write_bytes(path.read_bytes()[:900] + b"?" + path.read_bytes()[901:]),
        ["integers.npz is damaged or not an nmtool file", "  why: "],
    ),
    "empty": (lambda path: path.write_bytes(b""), ["integers.npz is damaged"]),
    "foreign": (lambda path: np.savez(path, a=np.ones(3)), ["integers.npz is damaged"]),
    "without an array": (
        lambda path: _drop_array(path, "projection.0.delay"),
        ["integers.npz is damaged", "  why: 'projection.0.delay' is missing"],
    ),
}


def _drop_array(path: Path, name: str) -> None:
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files if key != name}
    np.savez(path, **arrays)


@pytest.mark.parametrize("case", BAD_NETWORKS)
@pytest.mark.usefixtures("data")
def test_bad_network(case: str, nmtool: Nmtool, integers: Path) -> None:
    spoil, told = BAD_NETWORKS[case]
    spoil(integers)
    for words in (
        ["inspect", integers],
        ["evaluate", integers, "two"],
        ["quantize", integers, "-o", "q.npz"],
        ["export", integers, "--to", "lava", "-o", "folder"],
        ["verify", integers, "two", "--against", "lava"],
    ):
        _assert_refused(nmtool(*words), *told)
    assert not Path("q.npz").exists()
    assert not Path("folder").exists()


@pytest.mark.usefixtures("data")
def test_a_folder_without_a_network(nmtool: Nmtool) -> None:
    for words in (
        ["inspect", "two"],
        ["evaluate", "two", "two"],
        ["quantize", "two", "-o", "q.npz"],
    ):
        _assert_refused(nmtool(*words), "two holds no trained network", "  why: ", "  fix: ")


@pytest.mark.usefixtures("data")
def test_other_channels_or_classes_than_the_network(nmtool: Nmtool, floats: Path) -> None:
    inputs, *others = cases.float_network().projections
    wide = Projection("input", "hidden", inputs.weight[[0, 1, 2, 3, 0]], np.zeros((5, 3)))
    cases.float_network(channels=InputChannels(5), projections=[wide, *others]).save("wide.npz")
    for words in (
        ["evaluate", "wide.npz", "two"],
        ["quantize", "wide.npz", "-o", "q.npz", "--data", "two"],
    ):
        told = "the data have 4 channels, the network listens to 5"
        _assert_refused(nmtool(*words), told, "  why: it was trained on other data")
    said = nmtool("evaluate", floats, "yinyang")
    _assert_refused(said, "the data have 3 classes, the network answers with 2")


def test_grouped_channels_count_as_groups(nmtool: Nmtool, data: Path) -> None:
    inputs, *others = cases.float_network().projections
    narrow = Projection("input", "hidden", inputs.weight[:2], inputs.delay[:2])
    for group, channels in ((2, 4), (3, 4)):
        cases.float_network(channels=InputChannels(2, group), projections=[narrow, *others]).save(
            "narrow.npz"
        )
        said = nmtool("quantize", "narrow.npz", "-o", f"{group}.npz", "--data", "two")
        assert said.code == 0, (said, channels)
    cases.float_network(channels=InputChannels(2, 4), projections=[narrow, *others]).save("n.npz")
    said = nmtool("quantize", "n.npz", "-o", "q.npz", "--data", data)
    _assert_refused(said, "the data have 4 channels in groups of 4, the network listens to 2")


def test_classes_of_other_names_are_remarked(nmtool: Nmtool, data: Path, integers: Path) -> None:
    events = cases.spike_events(6)
    write_shd(
        data / "two_test.h5",
        SpikeEvents(
            events.time_ms, events.unit, events.offset, events.label, cases.N_UNITS, ("no", "yes")
        ),
    )
    (data / "two_train.h5").unlink()
    said = nmtool("evaluate", integers, "two")
    assert said.code == 0
    assert said.err == "the data name their classes otherwise than the network; numbers decide\n"
