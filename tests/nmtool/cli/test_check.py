"""`nmtool check`: tables, findings, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

import nmtool as nm
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
    said = nmtool("check", integers)
    assert said.code == 0
    assert "loihi2  faithful" in said.out
    assert "accumulators" in said.out


def test_what_does_not_fit_is_told_and_is_exit_code_1(nmtool: Nmtool, integers: Path) -> None:
    Path("small.toml").write_text(SMALL)
    said = nmtool("check", integers, "--target", "small.toml", "--target", "c")
    assert said.code == 1
    assert "chip-exceeded input channels" in said.out
    assert "small: unsupported" in said.out
    content = nmtool("check", integers, "--target", "small.toml", "--json").json
    assert content["network"] == str(integers)
    (target,) = content["targets"]
    assert target["verdict"] == "unsupported"
    assert [one["code"] for one in target["unsupported"]] == ["chip-exceeded"]


def test_relays_are_counted(nmtool: Nmtool, integers: Path) -> None:
    nm.Network.layers([5, 8, 3], delays=200).save("floats.npz")
    cut = nmtool("check", "floats.npz", "--json").json["targets"][0]
    relayed = nmtool("check", "floats.npz", "--relays", "--json").json["targets"][0]
    assert "delay-range" in [one["code"] for one in cut["approximate"]]
    assert "delay-range" not in [one["code"] for one in relayed["approximate"]]
    assert relayed["resources"]["cores"] > cut["resources"]["cores"]
    said = nmtool("check", integers, "--relays")
    assert (said.code, said.error) == (2, "quantised-already")


def test_all_targets_are_an_overview(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("check", integers, "--target", "all", "--json")
    assert said.code == 0
    assert [one["target"] for one in said.json["targets"]] == target_names()


def test_mistakes(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("check", integers, "--target", "loihi3")
    assert (said.code, said.error) == (2, "target-unknown")
    Path("bad.toml").write_text(SMALL.replace("chip", "brick", 1))
    said = nmtool("check", integers, "--target", "bad.toml")
    assert (said.code, said.error) == (2, "target-file")
    assert "target-value kind" in said.err
    said = nmtool("check", integers, "--weight-bits", "4")
    assert (said.code, said.error) == (2, "quantised-already")
    said = nmtool("check", "nowhere.npz")
    assert (said.code, said.error) == (2, "file-missing")


def test_export_says_what_its_targets_make_of_a_network(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("export", integers, "-o", "net.c")
    assert said.code == 0
    assert "c: faithful" in said.out
    content = nmtool("export", integers, "-o", "net2.c", "--json").json
    words = {one["target"]: one["verdict"] for one in content["targets"]}
    assert words == dict.fromkeys(("c", "cortex-m4", "esp32-c3"), "faithful")
    assert "targets: " in nmtool("inspect", integers, "--targets").out


@pytest.mark.usefixtures("data")
def test_with_data_the_cost_is_counted_too(nmtool: Nmtool, integers: Path) -> None:
    words = ("check", integers, "--target", "loihi1", "--data", "two:train")
    said = nmtool(*words, "--json")
    assert (said.code, said.err) == (0, "")
    alone = nmtool("check", integers, "--target", "loihi1", "--json").json
    counted = nmtool(
        *("cost", integers, "two", "--split", "train", "--target", "loihi1", "--json"),
    ).json
    assert said.json == {**alone, "cost": counted}
    assert counted["samples"] == 12
    shown = nmtool(*words).out
    assert shown.index("loihi1  ") < shown.index("on two (train): 12 samples")


@pytest.mark.usefixtures("data")
def test_several_networks_side_by_side(nmtool: Nmtool, integers: Path, floats: Path) -> None:
    assert nmtool("quantise", floats, "-o", "q.npz", "--weight-bits", 4).code == 0
    said = nmtool("check", integers, "q.npz", "--data", "two", "--samples", 4, "--json")
    assert said.code == 0
    assert [one["network"] for one in said.json["networks"]] == [str(integers), "q.npz"]
    assert len(said.json["cost"]["networks"]) == 2
    shown = nmtool("check", integers, "q.npz")
    assert shown.code == 0
    assert "\nq.npz\n" in shown.out


@pytest.mark.parametrize(
    "words", [("--samples", 3), ("--units", 4), ("--energy-of", "loihi1"), ("--csv",)]
)
def test_flags_of_a_count_need_data(
    words: tuple[object, ...], nmtool: Nmtool, integers: Path
) -> None:
    said = nmtool("check", integers, *words)
    assert (said.code, said.error) == (2, "data-missing")
    assert str(words[0]) in said.err
