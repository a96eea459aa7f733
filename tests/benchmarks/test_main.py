"""The whole command with real processes on a tiny network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import engines
from benchmarks.__main__ import main, table
from benchmarks.engines import CPU, Engine
from benchmarks.suites import SUITES, Comparison, Job, Suite
from tests.benchmarks.tiny import TINY

pytestmark = pytest.mark.torch


def small(suite: Suite) -> Iterator[Comparison]:
    """Jobs that run in two engines, and jobs that fail for various reasons."""
    jobs = [Job(name, TINY) for name in ("nmtool", "bptt", "absent")]
    jobs.append(Job("nmtool", replace(TINY, input_spikes=1_000_000)))
    jobs.append(Job("nmtool", TINY, threads=100_000))
    yield Comparison(tuple(jobs), suite.rounds)


@pytest.fixture
def small_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Engine("absent", CPU, "benchmarks.peers.absent", ("no_such_peer",), False)
    monkeypatch.setattr(engines, "ENGINES", (*engines.ENGINES, absent))
    monkeypatch.setitem(SUITES, "core", Suite(small, "", (12,), (1,), 2))


@pytest.mark.long
@pytest.mark.usefixtures("small_suite")
def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text("utf-8"))
    ours, bptt, absent, overfull, crowded = content["rows"]
    for row in (ours, bptt):
        assert row["status"] == "ok"
        assert (row["hidden"], row["threads"], row["rounds"]) == (12, 1, 2)
        assert row["hidden_spikes"] == pytest.approx(12 * TINY.hidden_rate, rel=0.5)
        assert row["ratio_to_bptt"] > 0
        assert row["peak_mb"] > row["code_mb"] * 0.5
    assert bptt["ratio_to_bptt"] == 1
    assert absent["status"] == "skipped: no_such_peer not installed"
    assert overfull["status"].startswith("failed: ValueError")
    assert crowded["status"].startswith("skipped: 100000 threads need 100000 cores")
    printed = capsys.readouterr().out
    assert content["machine"] in printed
    assert "absent: skipped: no_such_peer not installed" in printed
    assert "ms per sample" in printed


def test_the_table_has_the_ratios_that_say_something() -> None:
    row = {
        "engine": "nmtool", "device": "cuda", "hidden": 8, "n_steps": 40, "input_spikes": 9,
        "max_delay": 5, "has_delays": True, "batch": 3, "threads": 1, "recurrent": False,
    }  # fmt: skip
    on_gpu = {**row, "ms_per_sample": 0.25, "ratio_to_cpu": 16.0, "ratio_to_nmtool": 1.0}
    skipped = {**row, "device": "cpu", "has_delays": False}
    header, _, *lines = table([on_gpu, skipped]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (header, *lines)]
    assert cells == [
        ["engine", "hidden", "steps", "input spikes", "delays", "batch", "threads",
         "ms per sample", "times CPU"],
        ["nmtool on cuda, feed-forward", "8", "40", "9", "0…5", "3", "1", "0.25", "16"],
        ["nmtool, feed-forward", "8", "40", "9", "none", "3", "1", "", ""],
    ]  # fmt: skip


def test_nothing_measured_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "ENGINES", ())
    assert main(["--rounds", "1"]) == 1
    assert "nmtool: skipped: does not run on cpu" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["--rounds", "0"], ["--suite", "all"], ["--hidden", "x"], ["--json", "none/x.json"]]
)
def test_invalid_arguments_are_refused_before_measuring(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 2
    assert "usage" in capsys.readouterr().err
