"""Validation splits: requested by `--validation`, or recorded in a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import Dataset, bin_events, load_dataset, write_shd
from nmtool.data.dividing import SplitRule
from nmtool.errors import FileFormatError
from nmtool.hardware_sim.simulator import simulate
from nmtool.loading import shared_validation_rule
from nmtool.network.integer_network import IntegerNetwork
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.refusals import refused

N_VALIDATION = 4
"""Number of validation samples in `cases.SETTINGS`."""


def _manifest(folder: Path, last: int) -> None:
    """Write a run folder that has only a manifest; its validation split is the last samples."""
    rule = SplitRule(f"last {last}") if last else SplitRule(0)
    options = TrainOptions(validation=rule.amount)
    data = Dataset.of(train=cases.spike_events(cases.N_TRAIN)).with_validation(rule)
    RunFolder(folder).create(Manifest.of(options, data, ranks=1))


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("rule", ["5", "last 5", "0.42"])
def test_training_samples_are_read(nmtool: Nmtool, integers: Path, rule: str) -> None:
    words = ("two:validation", "--validation", rule, "--json")
    result = nmtool("evaluate", integers, *words)
    assert (result.code, result.err) == (0, "")
    expected = load_dataset("two", validation=rule).validation
    assert expected is not None
    raster = bin_events(expected, 1.0, 30).raster
    recording = simulate(IntegerNetwork.load(integers), raster)
    assert result.json["samples"] == 5
    assert result.json["accuracy"] == recording.accuracy(expected.label)
    training = nmtool("evaluate", integers, "two:train", "--validation", rule, "--json")
    assert training.json["samples"] == cases.N_TRAIN - 5


@pytest.mark.usefixtures("data")
def test_every_command_that_chooses_a_split(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("export", integers, "-o", "network.c").code == 0
    for words in (
        ("compare", integers, "--with", integers, "--data", "two:validation"),
        ("evaluate", "network.c", "two:validation"),
        ("verify", integers, "two:validation", "--against", "c"),
    ):
        result = nmtool(*words, "--validation", "3", "--json")
        assert result.code == 0, result
        assert result.json["samples"] == 3


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_the_amount_comes_from_the_run(nmtool: Nmtool) -> None:
    words = (*cases.SETTINGS, "--epochs", "1", "--arithmetic", "integer")
    assert nmtool("train", "two", "-o", "run", *words).code == 0
    evaluate = ("evaluate", "run", "two:validation", "--json")
    for words in (
        evaluate,
        ("evaluate", "run/network.npz", "two:validation", "--json"),
        ("compare", "run", "--data", "two:validation", "--json"),
        ("verify", "run", "two:validation", "--against", "c", "--json"),
    ):
        result = nmtool(*words)
        assert result.code == 0, result
        assert result.json["samples"] == N_VALIDATION
        (remark,) = result.err.splitlines()
        assert f" {N_VALIDATION} " in remark
    assert nmtool(*evaluate, "--validation", 2).json["samples"] == 2
    whole = nmtool("evaluate", "run", "two:train", "--json")
    assert whole.json["samples"] == cases.N_TRAIN


def test_the_samples_that_ran_are_named(nmtool: Nmtool, data: Path) -> None:
    """Data with training samples only stand for those on which the run was validated."""
    (data / "two_test.h5").unlink()
    _manifest(Path("run"), 3)
    cases.integer_network().save("run/integers.npz")
    for words in (
        ("evaluate", "run", "two"),
        ("compare", "run/integers.npz", "--with", "run/integers.npz", "--data", "two"),
    ):
        result = nmtool(*words, "--json")
        assert (result.code, result.json["samples"]) == (0, 3)
        assert (result.json["data"], result.json["split"]) == ("two", "validation")
    cost = nmtool("check", "run", "--data", "two", "--json").json["cost"]
    assert (cost["samples"], cost["split"]) == (3, "validation")
    result = nmtool("evaluate", "run", "two")
    assert result.out.startswith("run on two (validation)\n")
    (remark,) = result.err.splitlines()
    assert "last 3" in remark
    whole = nmtool("evaluate", "run", "two:train", "--json").json
    assert (whole["samples"], whole["split"]) == (cases.N_TRAIN, "train")


def test_the_data_sets_own_validation_split_is_used(nmtool: Nmtool, data: Path) -> None:
    write_shd(data / "two_valid.h5", cases.spike_events(5))
    _manifest(Path("run"), 3)
    cases.integer_network().save("run/integers.npz")
    result = nmtool("evaluate", "run", "two:validation", "--json")
    assert (result.json["samples"], result.err) == (5, "")
    result = nmtool("evaluate", "run", "two:validation", "--validation", 3)
    assert (result.code, result.error) == (2, "validation-exists")


def test_the_validation_rule_of_several_runs(nmtool: Nmtool) -> None:
    del nmtool
    for name, count in (("a", 7), ("b", 7), ("c", 9), ("none", 0)):
        _manifest(Path(name), count)
    assert shared_validation_rule(
        ["a", "b/network.npz", "b/integers.npz", "somewhere.npz"]
    ) == SplitRule("last 7")
    assert shared_validation_rule(["a", "c"]) is None
    assert shared_validation_rule(["none"]) is None
    assert shared_validation_rule(["a/other.npz"]) is None
    Path("a/run.json").write_text("{")
    with refused(FileFormatError, "file-damaged") as caught:
        shared_validation_rule(["a"])
    assert "run.json" in str(caught.value)


@pytest.mark.usefixtures("data")
def test_without_a_validation_split_the_option_is_suggested(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("evaluate", integers, "two:validation")
    assert (result.code, result.error) == (2, "validation-missing")
    assert "--validation 0.2" in result.err
    for wrong in ("most", "0", "1.5"):
        result = nmtool("evaluate", integers, "two", "--validation", wrong)
        assert (result.code, result.error) == (2, "command-line")


def _places(data: Path) -> None:
    """Training samples whose events encode their index and their half of the file."""
    for split, n in (("train", cases.N_TRAIN), ("test", cases.N_TEST)):
        events = cases.spike_events(n, 1)
        groups = {"place": np.arange(n), "half": np.arange(n) // (n // 2)}
        write_shd(data / f"two_{split}.h5", replace(events, groups=groups), force=True)


@pytest.mark.torch
def test_a_run_records_its_validation_rule(nmtool: Nmtool, data: Path) -> None:
    _places(data)
    words = ("--epochs", "1", "--validation", "0.34", "--seed", "5")
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS, *words).code == 0
    manifest = json.loads(Path("run/run.json").read_text())
    assert manifest["hold_out"] == {"amount": "0.34", "seed": 5, "by": None}
    assert manifest["options"]["validation"] == "0.34"
    rule = SplitRule("0.34", 5)
    assert shared_validation_rule(["run"]) == rule
    assert nmtool("train", "--start", "run", "-o", "fine", "--epochs", 1, "--seed", 6).code == 0
    assert shared_validation_rule(["fine"]) == rule
    assert (
        nmtool("train", "--start", "run", "-o", "more", "--epochs", 1, "--validation", 6).code == 0
    )
    assert shared_validation_rule(["more"]) == SplitRule("6", 5)
    assert nmtool("evaluate", "run", "two:validation", "--json").json["samples"] == 4
    larger = load_dataset("two", validation=rule).validation
    smaller = load_dataset("two", validation=SplitRule(2, 5)).validation
    assert larger is not None
    assert smaller is not None
    assert set(smaller.groups["place"]) < set(larger.groups["place"])


@pytest.mark.torch
def test_whole_groups_are_drawn_for_validation(nmtool: Nmtool, data: Path) -> None:
    _places(data)
    words = ("train", "two", "-o", "run", *cases.SETTINGS, "--epochs", "1")
    result = nmtool(*words, "--validation-by", "half")
    assert result.code == 0, result.err
    assert "trains on 6 samples, validates on 6 (drawn by half from seed 0)" in result.err
    assert shared_validation_rule(["run"]) == SplitRule("4", 0, "half")
    result = nmtool(*words, "-o", "other", "--validation-by", "speaker")
    assert (result.code, result.error) == (2, "validation-by-unknown")
    result = nmtool(*words, "-o", "other", "--validation-by", "half", "--validation", "last 3")
    assert (result.code, result.error) == (2, "validation-by-last")


@pytest.mark.torch
def test_a_validation_file_overrides_a_share(nmtool: Nmtool, data: Path) -> None:
    write_shd(data / "two_valid.h5", cases.spike_events(5))
    result = nmtool(
        "train", "two", "-o", "run", *cases.SETTINGS, "--epochs", 1, "--validation", 0.5
    )
    assert "trains on 12 samples, validates on 5, tests on 6" in result.err
    assert "hold_out" not in json.loads(Path("run/run.json").read_text())
    assert shared_validation_rule(["run"]) is None


def test_a_damaged_rule_is_refused(nmtool: Nmtool) -> None:
    del nmtool
    _manifest(Path("run"), 3)
    manifest = json.loads(Path("run/run.json").read_text())
    for wrong in (3, "last 4", {"amount": "most"}, {"seed": "x"}, {}):
        Path("run/run.json").write_text(json.dumps({**manifest, "hold_out": wrong}))
        with refused(FileFormatError, "file-damaged"):
            shared_validation_rule(["run"])
