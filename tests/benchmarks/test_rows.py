"""Numbers and ratios of rows, computed from given times."""

from __future__ import annotations

import pytest

from benchmarks.job import Job, Result
from benchmarks.measure import StepTimes
from benchmarks.rows import MEASURED, make_rows
from tests.benchmarks.tiny import TINY


def result(engine: str, seconds: list[float], threads: int = 1) -> Result:
    times = [StepTimes(s / 2, s / 4, s / 4, s) for s in seconds]
    return Result(Job(engine, TINY, threads, drive=len(engine)), "ok", times, 24.0, 1.0, 2.0)


def test_times_are_per_sample_and_per_event() -> None:
    (row,) = make_rows([result("nmtool", [0.3, 0.6, 3.0])])
    assert row["ms_per_sample"] == pytest.approx(200)
    assert (row["forward_ms"], row["backward_ms"]) == pytest.approx((100, 50))
    assert (row["update_ms"], row["cpu_ms_per_sample"]) == pytest.approx((50, 200))
    events = 120 * 12 + 24 * (12 + 4)
    assert row["events_per_sample"] == events
    assert row["forward_ns_per_event"] == pytest.approx(1e8 / events)
    assert row["backward_ns_per_event"] == pytest.approx(5e7 / events)
    assert (row["hidden_spikes"], row["spikes_per_neuron"]) == (24, 2)
    assert (row["code_mb"], row["peak_mb"]) == (1, 2)


def test_a_row_describes_its_workload() -> None:
    (row,) = make_rows([result("nmtool", [1.0], threads=2)])
    expected = {"engine": "nmtool", "device": "cpu", "threads": 2, "hidden": 12, "batch": 3}
    assert expected.items() <= row.items()
    assert (row["rounds"], row["status"], row["has_delays"]) == (1, "ok", True)


def test_ratios_are_medians_over_rounds_and_above_one_is_faster() -> None:
    ours, bptt, norse = make_rows(
        [
            result("nmtool", [1.0, 2.0, 4.0]),
            result("bptt", [2.0, 8.0, 12.0]),
            result("norse", [10.0, 20.0, 40.0]),
        ]
    )
    assert ours["ratio_to_bptt"] == pytest.approx(3)
    assert ours["bptt_ms_per_sample"] == bptt["ms_per_sample"] == pytest.approx(8000 / 3)
    assert (bptt["ratio_to_bptt"], ours["ratio_to_nmtool"]) == (1, 1)
    assert norse["ratio_to_nmtool"] == pytest.approx(0.1)


def test_threads_are_compared_with_one_thread_and_engines_at_equal_threads() -> None:
    single, threaded, bptt = make_rows(
        [result("nmtool", [4.0]), result("nmtool", [2.0], 2), result("bptt", [6.0], 2)]
    )
    assert (single["ratio_to_one_thread"], threaded["ratio_to_one_thread"]) == (1, 2)
    assert (single["ratio_to_bptt"], threaded["ratio_to_bptt"]) == (None, 3)
    assert bptt["ratio_to_one_thread"] is None


def test_skipped_jobs_have_no_numbers_and_no_ratios() -> None:
    skipped = Result(Job("bptt", TINY), "skipped: torch not installed")
    ours, row = make_rows([result("nmtool", [1.0]), skipped])
    assert row["status"] == "skipped: torch not installed"
    assert {row[key] for key in MEASURED} == {None}
    assert (ours["ratio_to_bptt"], ours["bptt_ms_per_sample"]) == (None, None)
