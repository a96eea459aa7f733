"""`nmtool data`: statistics of a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.data import load_dataset
from nmtool.data.description import describe
from nmtool.data.incoming import read_incoming
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


@pytest.mark.usefixtures("data")
def test_folder(nmtool: Nmtool) -> None:
    result = nmtool("data", "two")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "two\n"
        "                         train                 test\n"
        " ───────────────────────────────────────────────────────────────────\n"
        " samples                 12                    6\n"
        " channels                4                     4\n"
        " classes                 2                     2\n"
        " samples per class       6 … 6                 3 … 3\n"
        " spikes                  88                    40\n"
        " mean spikes (range)     7.333 (0 … 8)         6.667 (0 … 8)\n"
        " last spike, ms          22.93 (20.1 … 24.52)  21.55 (17.46 … 24.19)\n"
        " samples without spikes  1                     1\n"
        "\n"
        "classes: left, right\n"
        "proposed: --dt 0.5 --steps 50 (99.5 % of the samples end within these steps, 3.4% of the "
        "events share a bin with another)\n"
    )


@pytest.mark.usefixtures("data")
def test_folder_as_json(nmtool: Nmtool) -> None:
    dataset = load_dataset("two")
    assert nmtool("data", "two", "--json").json == {
        "data": "two",
        "splits": {"train": describe(dataset.train), "test": describe(dataset.test)},
        "remarks": [],
    }


def test_generated(nmtool: Nmtool) -> None:
    result = nmtool("data", "yinyang", "--json")
    assert result.json["splits"]["test"]["classes"] == {"yin": 350, "yang": 316, "dot": 334}


def test_splits_without_samples_or_spikes(nmtool: Nmtool, data: Path) -> None:
    cases.write_raw(data / "two_train.h5", [], [], [])
    cases.write_raw(data / "two_test.h5", [[]], [[]], [1])
    result = nmtool("data", "two")
    assert result.code == 0
    assert " mean spikes (range)     none   0 (0 … 0)\n" in result.out
    assert " last spike, ms          none   none\n" in result.out
    assert nmtool("data", "two", "--json").json["splits"]["train"]["samples"] == 0


@pytest.mark.usefixtures("data")
def test_samples_as_a_table_of_events(nmtool: Nmtool) -> None:
    result = nmtool("data", "two:test", "-o", "events.csv", "--samples", "4", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["files"] == ["events.csv"]
    expected = load_dataset("two").test.draw(4)
    assert result.json["splits"] == {"test": describe(expected)}
    read = read_incoming("events.csv").train
    names = [expected.class_names[label] for label in expected.label]
    assert [read.class_names[label] for label in read.label] == names
    assert read.time_ms.tolist() == expected.time_ms.tolist()
    assert read.unit.tolist() == expected.unit.tolist()
    result = nmtool("data", "two:test", "-o", "events.csv")
    assert (result.code, result.error) == (2, "path-taken")
    result = nmtool("data", "two", "-o", "events.csv", "--force")
    assert result.code == 0
    assert read_incoming("events.csv").splits == ("train", "test")


@pytest.mark.usefixtures("data")
def test_one_split_of_a_data_set(nmtool: Nmtool) -> None:
    result = nmtool("data", "two:train", "-o", "part", "--samples", "3", "--json")
    assert result.code == 0
    assert [Path(file).name for file in result.json["files"]] == ["part_train.h5"]
    assert load_dataset("part").train.n_samples == 3
    result = nmtool("data", "two:validation")
    assert (result.code, result.error) == (2, "validation-missing")
