"""`nmtool check`: tables, findings, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.targets import target_names
from tests.nmtool.cli.conftest import Nmtool

SMALL = """
name = "small"
kind = "chip"
arithmetic = { value = "loihi2", mark = "inferred" }
[chip]
inputs = { value = 1, mark = "inferred" }
"""


def test_loihi_2_by_default(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("check", integers)
    assert result.code == 0
    assert "loihi2  faithful" in result.out
    assert "accumulators" in result.out


def test_misfits_are_printed_and_give_exit_code_1(nmtool: Nmtool, integers: Path) -> None:
    Path("small.toml").write_text(SMALL)
    result = nmtool("check", integers, "--target", "small.toml", "--target", "c")
    assert result.code == 1
    assert "chip-exceeded input channels" in result.out
    assert "small: unsupported" in result.out
    content = nmtool("check", integers, "--target", "small.toml", "--json").json
    assert content["network"] == str(integers)
    (target,) = content["targets"]
    assert target["verdict"] == "unsupported"
    assert [finding["code"] for finding in target["unsupported"]] == ["chip-exceeded"]


def test_all_targets_are_an_overview(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("check", integers, "--target", "all", "--json")
    assert result.code == 0
    assert [target["target"] for target in result.json["targets"]] == target_names()
    lines = nmtool("check", integers, "--target", "all").out.splitlines()
    # The table has five additional lines: title, header, rule, an empty line and a hint.
    assert len(lines) == len(target_names()) + 5


def test_invalid_arguments_are_refused(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("check", integers, "--target", "loihi3")
    assert (result.code, result.error) == (2, "target-unknown")
    Path("bad.toml").write_text(SMALL.replace("chip", "brick", 1))
    result = nmtool("check", integers, "--target", "bad.toml")
    assert (result.code, result.error) == (2, "target-file")
    assert "target-value kind" in result.err
    result = nmtool("check", "nowhere.npz")
    assert (result.code, result.error) == (2, "file-missing")


def test_export_prints_the_verdict_of_its_targets(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("export", integers, "--to", "lava", "-o", "net")
    assert result.code == 0
    assert "lava: faithful" in result.out
    content = nmtool("export", integers, "--to", "lava", "-o", "net2", "--json").json
    words = {target["target"]: target["verdict"] for target in content["targets"]}
    assert words == dict.fromkeys(("lava", "loihi2"), "faithful")
    assert "targets: " in nmtool("inspect", integers, "--targets").out


@pytest.mark.usefixtures("data")
def test_with_data_the_cost_is_counted_too(nmtool: Nmtool, integers: Path) -> None:
    words = ("check", integers, "--target", "loihi1", "--data", "two:train")
    result = nmtool(*words, "--json")
    assert (result.code, result.err) == (0, "")
    alone = nmtool("check", integers, "--target", "loihi1", "--json").json
    counted = result.json["cost"]
    assert result.json == {**alone, "cost": counted}
    assert (counted["data"], counted["split"], counted["samples"]) == ("two", "train", 12)
    shown = nmtool(*words).out
    assert shown.index("loihi1  ") < shown.index("on two (train): 12 samples")


@pytest.mark.usefixtures("data")
def test_several_networks_side_by_side(nmtool: Nmtool, integers: Path, floats: Path) -> None:
    assert nmtool("quantise", floats, "-o", "q.npz", "--weight-bits", 4).code == 0
    result = nmtool("check", integers, "q.npz", "--data", "two", "--samples", 4, "--json")
    assert result.code == 0
    assert [network["network"] for network in result.json["networks"]] == [str(integers), "q.npz"]
    assert len(result.json["cost"]["networks"]) == 2
    shown = nmtool("check", integers, "q.npz")
    assert shown.code == 0
    assert "\nq.npz\n" in shown.out


@pytest.mark.parametrize(
    "words", [("--samples", 3), ("--units", 4), ("--energy-of", "loihi1"), ("--sources",)]
)
def test_flags_of_the_cost_need_data(
    words: tuple[object, ...], nmtool: Nmtool, integers: Path
) -> None:
    result = nmtool("check", integers, *words)
    assert (result.code, result.error) == (2, "data-missing")
    assert str(words[0]) in result.err
