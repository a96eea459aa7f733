"""Bad input gives an error with what, why and fix; no existing file is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import SpikeEvents, write_shd
from nmtool.network.float_parts import Projection
from nmtool.network.graph import InputChannels
from tests.nmtool.cli import cases
from tests.nmtool.cli.cases import CommandResult
from tests.nmtool.cli.conftest import Nmtool


def _assert_refused(result: CommandResult, error: str, *values: str) -> None:
    """Assert that the only output is an error with a code, which names the values."""
    assert (result.code, result.out, result.error) == (2, "", error), result
    assert result.err.startswith("error[")
    assert "Traceback" not in result.err
    for value in values:
        assert value in result.err


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-600])


BAD_FILES: dict[str, tuple[Callable[[Path], object], str, list[str]]] = {
    "truncated": (_truncate, "shd-damaged", ["two_test.h5"]),
    "label beyond the classes": (
        lambda path: cases.write_raw(path, [[0.0], [0.0]], [[0], [0]], [0, 2]),
        "labels-range",
        ["two_test.h5: sample 1: label 2 "],
    ),
    "no sample": (
        lambda path: cases.write_raw(path, [], [], []),
        "split-empty",
        ["'two'", "test"],
    ),
}
"""Damages of files by name, with the code of the error and values that it names."""


@pytest.mark.parametrize("case", BAD_FILES)
def test_damaged_files_are_refused(case: str, nmtool: Nmtool, data: Path, integers: Path) -> None:
    spoil, error, values = BAD_FILES[case]
    spoil(data / "two_test.h5")
    _assert_refused(nmtool("evaluate", integers, "two"), error, *values)


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_calibration_data_write_nothing(
    case: str, nmtool: Nmtool, data: Path, floats: Path
) -> None:
    spoil, error, values = BAD_FILES[case]
    spoil(data / "two_train.h5")
    result = nmtool("quantise", floats, "-o", "made.npz", "--data", "two")
    _assert_refused(result, error, *(text.replace("test", "train") for text in values))
    assert not Path("made.npz").exists()


def test_no_sample_for_known_answers(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [], [], [])
    result = nmtool("export", integers, "-o", "network.c", "--data", "two")
    _assert_refused(result, "split-empty", "'two'", "test")
    assert not Path("network.c").exists()


def test_no_sample_to_compare_on(nmtool: Nmtool, data: Path, floats: Path) -> None:
    cases.write_raw(data / "two_valid.h5", [], [], [])
    result = nmtool("quantise", floats, "-o", "q.npz", "--data", "two")
    _assert_refused(result, "split-empty", "'two'", "validation")
    assert not Path("q.npz").exists()


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.torch
def test_bad_training_data_start_no_run(case: str, nmtool: Nmtool, data: Path) -> None:
    spoil, error, values = BAD_FILES[case]
    spoil(data / "two_train.h5")
    result = nmtool("train", "two", "-o", "run", *cases.SETTINGS, "--validation", "0")
    if case == "no sample":
        values = []
    _assert_refused(result, error, *(text.replace("test", "train") for text in values))
    assert not Path("run").exists()


@pytest.mark.parametrize("case", ["truncated", "label beyond the classes"])
def test_bad_file_in_the_data_command(case: str, nmtool: Nmtool, data: Path) -> None:
    spoil, error, values = BAD_FILES[case]
    spoil(data / "two_test.h5")
    _assert_refused(nmtool("data", "two", "--json"), error, *values)


@pytest.mark.parametrize(
    ("word", "error", "values"),
    [
        ("digts", "dataset-unknown", ["'digts'", "'digits'"]),
        (".", "shd-missing", ["*_train.h5"]),
        ("two/two_test.h5", "folder-is-file", ["'two/two_test.h5'", ": two\n"]),
    ],
)
@pytest.mark.usefixtures("data")
def test_unknown_data_sets_are_refused(
    word: str, error: str, values: list[str], nmtool: Nmtool, integers: Path
) -> None:
    for words in (["data", word], ["evaluate", integers, word]):
        _assert_refused(nmtool(*words), error, *values)


@pytest.mark.usefixtures("data")
def test_options_that_do_not_fit_the_data_set(nmtool: Nmtool, integers: Path) -> None:
    _assert_refused(nmtool("data", "yinyang", "--units", "4"), "units-known", "'yinyang'")
    result = nmtool("evaluate", integers, "two:validation")
    _assert_refused(result, "validation-missing", "'two'")
    _assert_refused(nmtool("evaluate", integers, "two", "--units", "2"), "units-range", "unit 2 ")


BAD_NETWORKS: dict[str, tuple[Callable[[Path], object], str, list[str]]] = {
    "missing": (Path.unlink, "file-missing", []),
    "truncated": (_truncate, "file-damaged", ["  why: "]),
}
"""Like `BAD_FILES`, for network files."""


@pytest.mark.parametrize("case", BAD_NETWORKS)
@pytest.mark.usefixtures("data")
def test_damaged_networks_are_refused(case: str, nmtool: Nmtool, integers: Path) -> None:
    spoil, error, values = BAD_NETWORKS[case]
    spoil(integers)
    for words in (
        ["inspect", integers],
        ["evaluate", integers, "two"],
        ["quantise", integers, "-o", "q.npz"],
        ["export", integers, "--to", "lava", "-o", "folder"],
        ["verify", integers, "two", "--against", "lava"],
    ):
        _assert_refused(nmtool(*words), error, "integers.npz", *values)
    assert not Path("q.npz").exists()
    assert not Path("folder").exists()


@pytest.mark.usefixtures("data")
def test_network_and_data_in_the_wrong_order(nmtool: Nmtool) -> None:
    result = nmtool("evaluate", "two", "run")
    assert (result.code, result.error) == (2, "run-without-network")
    assert "nmtool data two" in result.err
    Path("run").mkdir()
    Path("run/run.json").write_text("{}")
    result = nmtool("data", "run")
    assert (result.code, result.error) == (2, "shd-missing")
    assert "NETWORK before" in result.err
    Path("folder").mkdir()
    Path("folder/known_answers.npz").touch()
    result = nmtool("data", "folder")
    assert (result.code, result.error) == (2, "shd-missing")
    assert "--artefact folder" in result.err


@pytest.mark.usefixtures("data")
def test_a_misspelt_folder_gets_a_suggestion(nmtool: Nmtool) -> None:
    result = nmtool("data", "tow")
    assert (result.code, result.error) == (2, "dataset-unknown")
    assert "did you mean 'two'?" in result.err


@pytest.mark.usefixtures("data")
def test_a_folder_without_a_network(nmtool: Nmtool) -> None:
    for words in (
        ["inspect", "two"],
        ["evaluate", "two", "two"],
        ["quantise", "two", "-o", "q.npz"],
    ):
        _assert_refused(nmtool(*words), "run-without-network", "two", "network.npz")


@pytest.mark.usefixtures("data")
def test_other_channels_or_classes_than_the_network(nmtool: Nmtool, floats: Path) -> None:
    inputs, *others = cases.float_network().projections
    wide = Projection("input", "hidden", inputs.weight[[0, 1, 2, 3, 0]], np.zeros((5, 3)))
    cases.float_network(channels=InputChannels(5), projections=[wide, *others]).save("wide.npz")
    for words in (
        ["evaluate", "wide.npz", "two"],
        ["quantise", "wide.npz", "-o", "q.npz", "--data", "two"],
    ):
        _assert_refused(nmtool(*words), "data-channels-differ", "4 channels", " 5\n")
    result = nmtool("evaluate", floats, "yinyang")
    _assert_refused(result, "data-classes-differ", "3 classes", " 2\n")


def test_grouped_channels_count_as_groups(nmtool: Nmtool, data: Path) -> None:
    inputs, *others = cases.float_network().projections
    narrow = Projection("input", "hidden", inputs.weight[:2], inputs.delay[:2])
    for group, channels in ((2, 4), (3, 4)):
        cases.float_network(channels=InputChannels(2, group), projections=[narrow, *others]).save(
            "narrow.npz"
        )
        result = nmtool("quantise", "narrow.npz", "-o", f"{group}.npz", "--data", "two")
        assert result.code == 0, (result, channels)
    cases.float_network(channels=InputChannels(2, 4), projections=[narrow, *others]).save("n.npz")
    result = nmtool("quantise", "n.npz", "-o", "q.npz", "--data", data)
    _assert_refused(result, "data-channels-differ", "4 channels in groups of 4", " 2\n")


def test_other_class_names_give_a_remark(nmtool: Nmtool, data: Path, integers: Path) -> None:
    events = cases.spike_events(6)
    write_shd(
        data / "two_test.h5",
        SpikeEvents(
            events.time_ms, events.unit, events.offset, events.label, cases.N_UNITS, ("no", "yes")
        ),
        force=True,
    )
    (data / "two_train.h5").unlink()
    result = nmtool("evaluate", integers, "two")
    assert (result.code, result.error) == (0, "")
    assert len(result.err.splitlines()) == 1
