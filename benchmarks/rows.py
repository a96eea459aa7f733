"""Convert results to rows of numbers, the same for the table and for JSON.

Times are medians over the rounds. A ratio is the median of the rounds' ratios; a ratio of 2 means
that a row is twice as fast as the other row.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.engines import AUTOGRAD, BPTT, OURS, find_engine
from benchmarks.job import OK, Result
from benchmarks.measure import medians

Row = dict[str, Any]

MEASURED = (
    "ms_per_sample",
    "forward_ms",
    "backward_ms",
    "update_ms",
    "cpu_ms_per_sample",
    "forward_ns_per_event",
    "backward_ns_per_event",
    "events_per_sample",
    "hidden_spikes",
    "spikes_per_neuron",
    "code_mb",
    "peak_mb",
    "device_mb",
    "bptt_ms_per_sample",
    "ratio_to_bptt",
    "ratio_to_autograd",
    "ratio_to_nmtool",
    "ratio_to_one_thread",
)
"""Entries that are null if the job was skipped or failed, or if there is no row to compare with."""


def make_rows(results: Sequence[Result]) -> list[Row]:
    """Make a row of settings and numbers for each result of a comparison.

    Args:
        results: results of all jobs that took turns; ratios are computed between them.
    """
    return [_row(result, results) for result in results]


def _row(result: Result, results: Sequence[Result]) -> Row:
    """Settings of a result and, if it was measured, its numbers and ratios."""
    row = {**_settings(result), **dict.fromkeys(MEASURED)}
    if result.status == OK:
        row |= _measured_numbers(result) | _ratios(result, results)
    return row


def _settings(result: Result) -> Row:
    """Settings of a result: engine, device, threads, workload, drive, rounds and status."""
    job = result.job
    row: Row = {"engine": job.engine, "device": job.device, "threads": job.threads}
    row |= job.workload.as_json()
    engine = find_engine(job.engine, job.device)
    row["has_delays"] = engine.has_delays if engine else None
    return row | {"drive": job.drive, "rounds": len(result.times), "status": result.status}


def _measured_numbers(result: Result) -> Row:
    """Times, spikes and memory of a result."""
    workload, times = result.job.workload, medians(result.times)
    events = workload.events_per_sample(result.hidden_spikes)
    forward, backward = times.forward / workload.batch, times.backward / workload.batch
    return {
        "ms_per_sample": _ms_per_sample(result),
        "forward_ms": 1e3 * forward,
        "backward_ms": 1e3 * backward,
        "update_ms": 1e3 * times.update / workload.batch,
        "cpu_ms_per_sample": 1e3 * times.cpu / workload.batch,
        "forward_ns_per_event": 1e9 * forward / events,
        "backward_ns_per_event": 1e9 * backward / events,
        "events_per_sample": events,
        "hidden_spikes": result.hidden_spikes,
        "spikes_per_neuron": result.hidden_spikes / workload.hidden,
        "code_mb": result.code_mb,
        "peak_mb": result.peak_mb,
        "device_mb": result.device_mb,
    }


def _ratios(result: Result, results: Sequence[Result]) -> Row:
    """Speed of a result, relative to the speeds of other engines and of one thread."""
    job = result.job
    bptt = _counterpart(results, result, engine=BPTT, threads=job.threads)
    autograd = _counterpart(results, result, engine=AUTOGRAD, threads=job.threads)
    ours = _counterpart(results, result, engine=OURS, threads=job.threads)
    one_thread = _counterpart(results, result, engine=job.engine, threads=1)
    return {
        "bptt_ms_per_sample": None if bptt is None else _ms_per_sample(bptt),
        "ratio_to_bptt": _ratio(result, bptt),
        "ratio_to_autograd": _ratio(result, autograd),
        "ratio_to_nmtool": _ratio(result, ours),
        "ratio_to_one_thread": _ratio(result, one_thread),
    }


def _counterpart(
    results: Sequence[Result], like: Result, *, engine: str, threads: int
) -> Result | None:
    """Find the result of the same workload with this engine and this number of threads.

    Args:
        results: results to search.
        like: result with the workload and the device.
        engine: name of the engine.
        threads: number of threads.
    """
    job = replace(like.job, engine=engine, threads=threads, drive=None)
    for result in results:
        if result.status == OK and replace(result.job, drive=None) == job:
            return result
    return None


def _ratio(result: Result, other: Result | None) -> float | None:
    """Median over all rounds: time of `other` / time of `result`; None if `other` is None."""
    if other is None:
        return None
    pairs = zip(result.times, other.times, strict=True)
    return statistics.median(theirs.total / own.total for own, theirs in pairs)


def _ms_per_sample(result: Result) -> float:
    """Median time of a step per sample, in ms."""
    seconds = statistics.median(times.total for times in result.times)
    return 1e3 * seconds / result.job.workload.batch
