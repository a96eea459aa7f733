"""The whole command with real workers on a tiny network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import engines
from benchmarks.__main__ import main
from benchmarks.engines import CPU, Engine
from benchmarks.job import Job
from benchmarks.suites import SUITES, Comparison, Suite
from tests.benchmarks.tiny import TINY

pytestmark = pytest.mark.torch

PROMISED = {
    "engine",
    "hidden",
    "threads",
    "ms_per_sample",
    "bptt_ms_per_sample",
    "ratio_to_bptt",
    "hidden_spikes",
    "peak_mb",
}


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
    assert {"suite", "cpu", "cores", "date", "load_average", "versions"} <= content["header"].keys()
    versions = content["header"]["versions"]
    assert {"python", "numpy", "numba", "torch", "snntorch", "norse", "DCLS"} <= versions.keys()
    ours, bptt, absent, overfull, crowded = content["rows"]
    for row in (ours, bptt):
        assert row.keys() >= PROMISED
        assert row["status"] == "ok"
        assert (row["hidden"], row["threads"], row["rounds"]) == (12, 1, 2)
        assert row["hidden_spikes"] == pytest.approx(12 * TINY.hidden_rate, rel=0.5)
        assert row["ratio_to_bptt"] > 0
        assert row["peak_mb"] > row["code_mb"] * 0.5
    assert bptt["ratio_to_bptt"] == 1
    assert absent["status"] == "skipped: no_such_peer not installed"
    assert overfull["status"].startswith("failed: ValueError")
    assert crowded["status"].startswith("skipped: 100000 threads need 100000 cores")
    assert absent["ms_per_sample"] is overfull["ms_per_sample"] is None
    printed = capsys.readouterr().out
    assert "absent: skipped: no_such_peer not installed" in printed
    assert "ms per" in printed


def test_nothing_measured_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "ENGINES", ())
    assert main(["--rounds", "1"]) == 1
    assert "nmtool: skipped: does not run on cpu" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", str(tmp_path / "no" / "out.json")]) == 2
    assert "[file-not-written]" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--suite", "all"], ["--hidden", "x"]])
def test_invalid_arguments_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 2
    assert "usage" in capsys.readouterr().err
