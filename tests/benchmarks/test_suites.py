"""The comparisons of the suites."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from benchmarks.engines import ENGINES
from benchmarks.suites import SUITES, Job


def jobs(name: str, hidden: tuple[int, ...] = (256, 512), rounds: int = 4) -> list[tuple[Job, ...]]:
    suite = replace(SUITES[name], hidden=hidden, threads=(1, 2), rounds=rounds)
    return [comparison.jobs for comparison in suite.comparisons()]


def flat(name: str) -> list[Job]:
    return list(chain(*jobs(name)))


def test_core_alternates_nmtool_and_bptt_with_one_and_two_threads() -> None:
    first, second, *large = jobs("core")
    for group, hidden in ((first, 256), (second, 512)):
        assert {job.workload.hidden for job in group} == {hidden}
        taken = [(job.engine, job.threads) for job in group]
        engines = ("nmtool", "bptt", "bptt-autograd")
        assert taken == [(engine, threads) for threads in (1, 2) for engine in engines]
    assert [(job.workload.hidden, job.workload.batch) for (job,) in large] == [
        (256, 256),
        (512, 256),
    ]


def test_the_sweep_changes_every_property() -> None:
    workloads = {job.workload for job in flat("sweep")}
    assert {w.input_spikes for w in workloads} == {4000, 8000, 16000}
    assert {w.n_steps for w in workloads} == {1000, 2000}
    assert {w.max_delay for w in workloads} == {0, 61, 255}
    assert {w.batch for w in workloads} == {8, 32, 256}
    assert {w.hidden for w in workloads} == {128, 256, 512, 1024}
    assert {job.threads for job in flat("sweep")} == {1, 2}


def test_no_workload_is_swept_twice() -> None:
    seen = [(job.engine, job.workload, job.threads) for job in flat("sweep")]
    assert len(seen) == len(set(seen))


def test_peers_are_all_engines_and_delays_by_convolution_are_feedforward() -> None:
    assert {job.engine for job in flat("peers")} == {engine.name for engine in ENGINES}
    for group in jobs("peers"):
        assert len({job.workload for job in group}) == 1
        assert group[0].engine == "nmtool"
        assert ("dcls" in {job.engine for job in group}) != group[0].workload.recurrent


@pytest.mark.parametrize("name", SUITES)
def test_rounds_are_the_chosen_number_or_one(name: str) -> None:
    suite = replace(SUITES[name], hidden=(64,), threads=(1,), rounds=7)
    assert {comparison.rounds for comparison in suite.comparisons()} <= {1, 7}
