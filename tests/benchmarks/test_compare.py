"""Numbers and ratios of rows, computed from given times."""

from __future__ import annotations

import pytest

from benchmarks.compare import Measurement, make_rows
from benchmarks.measure import StepTimes
from benchmarks.suites import Job
from tests.benchmarks.tiny import TINY


def measured(engine: str, seconds: list[float], threads: int = 1) -> Measurement:
    times = [StepTimes(s / 2, s / 4, s / 4, 2 * s) for s in seconds]
    return Measurement(
        Job(engine, TINY, threads), times=times, hidden_spikes=24.0, code_mb=1.0, peak_mb=2.0
    )


def test_times_are_medians_per_sample_and_per_event() -> None:
    (row,) = make_rows([measured("nmtool", [0.3, 0.6, 3.0])])
    assert row["ms_per_sample"] == pytest.approx(200)
    assert (row["forward_ms"], row["backward_ms"]) == pytest.approx((100, 50))
    assert (row["update_ms"], row["cpu_ms_per_sample"]) == pytest.approx((50, 400))
    events = 120 * 12 + 24 * (12 + 4)
    assert row["events_per_sample"] == events
    assert row["forward_ns_per_event"] == pytest.approx(1e8 / events)
    assert row["backward_ns_per_event"] == pytest.approx(5e7 / events)
    assert (row["hidden_spikes"], row["spikes_per_neuron"]) == (24, 2)
    assert (row["code_mb"], row["peak_mb"]) == (1, 2)


def test_each_part_has_its_own_median() -> None:
    times = [StepTimes(1, 9, 3, 7), StepTimes(2, 7, 1, 8), StepTimes(9, 8, 2, 9)]
    (row,) = make_rows([Measurement(Job("nmtool", TINY), times=times)])
    parts = ("forward_ms", "backward_ms", "update_ms", "cpu_ms_per_sample", "ms_per_sample")
    expected = [1000 * seconds / TINY.batch for seconds in (2, 8, 2, 8, 13)]
    assert [row[part] for part in parts] == pytest.approx(expected)


def test_ratios_are_medians_over_rounds_and_above_one_is_faster() -> None:
    ours, bptt, norse = make_rows(
        [
            measured("nmtool", [1.0, 2.0, 4.0]),
            measured("bptt", [2.0, 8.0, 12.0]),
            measured("norse", [10.0, 20.0, 40.0]),
        ]
    )
    assert ours["ratio_to_bptt"] == pytest.approx(3)
    assert (bptt["ratio_to_bptt"], ours["ratio_to_nmtool"]) == (1, 1)
    assert norse["ratio_to_nmtool"] == pytest.approx(0.1)
    assert ours["ratio_to_autograd"] is None


def test_threads_are_compared_with_one_thread_and_engines_at_equal_threads() -> None:
    single, threaded, bptt = make_rows(
        [measured("nmtool", [4.0]), measured("nmtool", [2.0], 2), measured("bptt", [6.0], 2)]
    )
    assert (single["ratio_to_one_thread"], threaded["ratio_to_one_thread"]) == (1, 2)
    assert (single["ratio_to_bptt"], threaded["ratio_to_bptt"]) == (None, 3)
    assert bptt["ratio_to_one_thread"] is None


def test_skipped_jobs_have_settings_only_and_no_ratios_to_them() -> None:
    skipped = Measurement(Job("bptt", TINY), "skipped: torch not installed")
    ours, row = make_rows([measured("nmtool", [1.0]), skipped])
    assert (row["status"], row["hidden"], row["rounds"]) == ("skipped: torch not installed", 12, 0)
    assert "ms_per_sample" not in row
    assert ours["ratio_to_bptt"] is None
