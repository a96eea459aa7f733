"""Ranks: their shares of samples, a single process, and two processes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import distributed, nn

from nmtool.errors import MissingError, RankError
from nmtool.training.processes import ranks
from nmtool.training.processes.launch import Launch
from nmtool.training.processes.ranks import ALONE, Ranks, _reason
from tests.refusals import refused
from tests.torchrun import ROOT, torchrun
from tests.training.small_data import small_events

pytestmark = pytest.mark.torch


@given(n=st.integers(0, 1000), size=st.integers(1, 70))
def test_shares_are_neighbours_and_differ_by_one_sample_at_most(n: int, size: int) -> None:
    shares = [list(range(n))[Ranks(rank, size).share(n)] for rank in range(size)]
    assert [sample for share in shares for sample in share] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_taken_samples() -> None:
    events = small_events(5, 1)
    first, second = Ranks(0, 2).take(events), Ranks(1, 2).take(events)
    np.testing.assert_array_equal(first.label, events.label[:2])
    np.testing.assert_array_equal(second.label, events.label[2:])
    np.testing.assert_array_equal(second.time_ms, events.time_ms[events.offset[2] :])
    assert Ranks(0, 2).take(events.take([0])).n_samples == 0


def test_only_the_first_rank_writes() -> None:
    assert [Ranks(rank, 3).is_first for rank in range(3)] == [True, False, False]
    assert [Ranks(2, 4, here).is_first_on_machine for here in range(2)] == [True, False]


def test_a_single_process_changes_nothing() -> None:
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    (parameter**2).sum().backward()
    with ALONE.one_rank_per_machine_first():
        ALONE.sum_gradients([parameter])
        ALONE.copy_from_first([parameter])
    ALONE.check_same("anything", 1, 2)
    ALONE.leave()
    assert parameter.tolist() == [1.0, 2.0]
    assert parameter.grad is not None
    assert parameter.grad.tolist() == [2.0, 4.0]
    assert ALONE.sum([1, 2.5]).tolist() == [1.0, 2.5]


def test_a_sum_does_not_change_its_argument() -> None:
    numbers = np.array([1.0])
    ALONE.sum(numbers)[0] = 5.0
    assert numbers[0] == 1.0


def test_without_torchrun_there_is_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name in ("RANK", "WORLD_SIZE")]:
        monkeypatch.delenv(name)
    assert Ranks.from_environment() == ALONE
    assert Ranks.from_environment("cuda").device == "cuda"


class _Work:
    """A collective operation that fails because another rank has ended."""

    def is_completed(self) -> bool:
        return True

    def wait(self) -> None:
        raise RuntimeError("[/a/pair.cc:5] Connection closed by peer. Ask others")


def test_a_lost_rank_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "all_reduce", lambda tensor, async_op: _Work())
    with refused(RankError, "rank-lost") as caught:
        Ranks(0, 2).barrier()
    assert caught.value.what == RankError.LOST
    assert caught.value.why == "Connection closed by peer"


def test_unreachable_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(backend: str, **launch: object) -> None:
        raise RuntimeError("no answer")

    monkeypatch.setattr(ranks, "launched", lambda: Launch(0, 2, 0, 2, "localhost", 1, ""))
    monkeypatch.setattr(distributed, "init_process_group", refuse)
    with refused(RankError, "ranks-unreachable") as caught:
        Ranks.from_environment()
    assert caught.value.why == "no answer"
    monkeypatch.setattr(distributed, "is_available", lambda: False)
    with refused(MissingError, "torch-without-ranks") as missing:
        Ranks.from_environment()
    assert "gloo" in missing.value.what


@pytest.mark.parametrize(
    "message",
    ["[/a/pair.cc:5] Read error [::1]:5: gone. Ask others. Bye", "Read error [::1]:5: gone\nat f"],
)
def test_the_reason_has_no_source_location_and_no_advice(message: str) -> None:
    assert _reason(RuntimeError(message)) == "Read error [::1]:5: gone"


def test_two_processes() -> None:
    """Run `two_ranks.py`, which has the checks."""
    job = torchrun(2, "tests.training.two_ranks", cwd=ROOT)
    assert job.returncode == 0, job.stderr
    assert sorted(job.stdout.splitlines()) == ["rank 0 is content", "rank 1 is content"]
