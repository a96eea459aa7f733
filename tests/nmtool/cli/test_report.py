"""`nmtool report`: a page, tables, JSON; errors are detected before anything runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike


@pytest.mark.usefixtures("data")
def test_a_report_in_the_terminal(nmtool: Nmtool, floats: Path) -> None:
    result = nmtool("report", floats, "two")
    assert result.code == 0
    for title in ("LEARNING", "NETWORK", "HOW TO REPRODUCE"):
        assert (f"\n{title}\n" in result.out) == (title != "LEARNING")
    assert "accuracy per class" in result.out
    assert "nmtool report" in result.out


@pytest.mark.usefixtures("data")
def test_a_report_as_a_page(nmtool: Nmtool, integers: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = nmtool("report", integers, "two", "-o", "report.html")
    assert result.code == 0
    assert result.out.endswith("report.html written\n")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert nmtool("report", integers, "two", "-o", "r 2.html").code == 0
    other = (tmp_path / "r 2.html").read_text("utf-8")
    assert other == page
    assert nmtool("report", integers, "two", "-o", "report.html").error == "path-taken"
    assert nmtool("report", integers, "two", "-o", "report.html", "--force").code == 0
    assert (tmp_path / "report.html").read_text("utf-8") == page.replace(" --force", "")


@pytest.mark.usefixtures("data")
def test_a_report_as_json(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("report", integers, "two:train", "--samples", "3", "--json")
    assert result.code == 0
    assert (result.json["integers"]["samples"], result.json["integers"]["drawn_from"]) == (3, 12)
    assert result.json["network"] == str(integers)
    command = result.json["reproduce"]["code"]["command of this report"]
    assert command == f"nmtool report {integers} two:train --samples 3 -o report.html"


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_advice_names_the_flags_of_training_and_the_classes(nmtool: Nmtool) -> None:
    words = ("--epochs", 5, "--lr", 0, "--delay-lr", 0, "--hidden", 3, "--validation", 4)
    assert nmtool("train", "two", "-o", "run", "--steps", 30, *words).code == 0
    result = nmtool("report", "run", "--json")
    assert result.code == 0, result.err
    advised = {finding["code"]: finding["fix"] for finding in result.json["learning"]["next"]}
    assert "--lr " in advised["training-underfits"]
    shown = nmtool("report", "run").out
    assert "--delay-lr " in shown
    assert "`" not in shown
    confused = result.json["learning"]["log"][0]["confused"]
    names = cases.CLASSES
    assert f"are taken for {names[confused['answer']]}" in shown


@pytest.mark.usefixtures("data")
def test_the_command_in_a_report_makes_the_same_report(nmtool: Nmtool, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cases.float_network().save(tmp_path / "floats.npz")
    words = ("report", "floats.npz", "two:train", "--trust")
    result = nmtool(*words, "--json")
    assert result.code == 0, result.err
    command = result.json["reproduce"]["code"]["command of this report"]
    again = nmtool(*shlex.split(command)[1:], "--json")
    assert again.code == 0, again.err
    assert again.json["reproduce"]["hashes"] == result.json["reproduce"]["hashes"]
    assert again.json["reproduce"]["code"] == result.json["reproduce"]["code"]


@pytest.mark.usefixtures("data")
def test_a_backend_that_differs_gives_exit_code_1(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"fast": flip_spike(3, 11, 2)}).install(monkeypatch)
    result = nmtool("report", integers, "two", "--against", "lava", "--json")
    assert result.code == 1
    assert result.json["passed"] is False
    FakeLava().install(monkeypatch)
    assert nmtool("report", integers, "two", "--against", "lava").code == 0


def test_without_data(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("report", integers).code == 0
    for words in (["--units", "4"], ["--validation", "3"], ["--data-dir", "d"]):
        assert nmtool("report", integers, *words).error == "data-missing"
    assert nmtool("report", integers, "--against", "nir").error == "data-missing"


@pytest.mark.usefixtures("data")
def test_invalid_input_is_refused(nmtool: Nmtool, integers: Path, data: Path) -> None:
    for words, code in (
        (["nowhere"], "file-missing"),
        ([integers, "nowhere"], "dataset-unknown"),
        ([integers, "two", "-o", "report.pdf"], "page-extension"),
        ([integers, "yinyang", "--samples", "2"], "data-classes-differ"),
    ):
        result = nmtool("report", *words)
        assert (result.code, result.error) == (2, code)
    cases.write_raw(data / "two_test.h5", [], [], [])
    assert nmtool("report", integers, "two").error == "split-empty"


@pytest.mark.usefixtures("data")
def test_samples_without_any_spike(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    result = nmtool("report", integers, "two", "--json")
    assert result.code == 0
    assert result.json["activity"]["populations"]["hidden"]["silent"] == [0, 1, 2]


@pytest.mark.usefixtures("data")
def test_dropped_events_are_reported(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[0.001, 0.0301], [0.02, 0.5]], [[0, 0], [1, 1]], [0, 1])
    result = nmtool("report", integers, "two")
    assert result.code == 0
    assert "2 of 4 events " in result.out


@pytest.mark.usefixtures("data")
def test_without_matplotlib(
    nmtool: Nmtool, integers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = nmtool("report", integers, "two", "-o", "report.html")
    assert (result.code, result.error) == (3, "library-missing")
    assert "'matplotlib<" in result.err
    assert not (tmp_path / "report.html").exists()
    assert nmtool("report", integers, "two").code == 0
