"""Several processes run one command: one of them prints errors, and all of them end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta

import numba
import pytest
from torch.distributed import TCPStore

from nmtool.cli import torchrun
from nmtool.errors import DataError, RankError, StorageError
from nmtool.training.processes import threads
from tests.refusals import refused

pytestmark = pytest.mark.torch

NOBODY = 1
"""A port without a listener."""


def _launch(monkeypatch: pytest.MonkeyPatch, rank: int, port: int) -> None:
    numbers = {"RANK": rank, "WORLD_SIZE": 3, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 3}
    for name, number in (numbers | {"MASTER_PORT": port}).items():
        monkeypatch.setenv(name, str(number))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")


@pytest.fixture
def store() -> TCPStore:
    """The key-value store of a job."""
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def test_the_first_process_to_fail_reports_the_error(
    store: TCPStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _launch(monkeypatch, 1, store.port)
    with pytest.raises(DataError) as caught, torchrun.one_process_reports():
        raise DataError("mine", code="mine-broke")
    assert caught.value.what == "mine"
    for rank in (0, 2):
        _launch(monkeypatch, rank, store.port)
        with pytest.raises(SystemExit) as left, torchrun.one_process_reports():
            raise RankError("somebody is gone", code="rank-lost")
        assert left.value.code == DataError.exit_code


def test_another_attempt_is_another_job(store: TCPStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt, rank in enumerate((1, 0)):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(attempt))
        _launch(monkeypatch, rank, store.port)
        with pytest.raises(StorageError), torchrun.one_process_reports():
            raise StorageError("full", code="disk-full")


def test_without_a_store_every_process_reports_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchrun, "STORE_TIMEOUT", timedelta(seconds=0.1))
    for rank in range(2):
        _launch(monkeypatch, rank, NOBODY)
        with pytest.raises(StorageError), torchrun.one_process_reports():
            raise StorageError("full", code="disk-full")


def test_internal_errors_are_not_hidden(store: TCPStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in range(2):
        _launch(monkeypatch, rank, store.port)
        with pytest.raises(ZeroDivisionError), torchrun.one_process_reports():
            raise ZeroDivisionError


def test_the_first_rank_reports_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    _launch(monkeypatch, 0, NOBODY)
    with pytest.raises(KeyboardInterrupt), torchrun.one_process_reports():
        raise KeyboardInterrupt
    _launch(monkeypatch, 1, NOBODY)
    with pytest.raises(SystemExit) as left, torchrun.one_process_reports():
        raise KeyboardInterrupt
    assert left.value.code == 130


def test_only_a_single_process_is_interrupted_by_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signal.SIGTERM in torchrun.stop_signals()
    _launch(monkeypatch, 0, NOBODY)
    assert [*torchrun.stop_signals()] == [signal.SIGINT]


def test_a_single_process_reports_its_error() -> None:
    for _ in range(2):
        with pytest.raises(StorageError), torchrun.one_process_reports():
            raise StorageError("full", code="disk-full")


@pytest.fixture
def _sigterm() -> Iterator[None]:
    previous = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, previous)


@pytest.mark.usefixtures("_sigterm")
def test_sigterm_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _launch(monkeypatch, 0, NOBODY)
    with refused(RankError, "rank-lost"), torchrun.sigterm_raises():
        signal.raise_signal(signal.SIGTERM)
    # The second signal is ignored, so that it cannot suppress the final message.
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("_sigterm")
def test_sigterm_does_not_interrupt_the_exit_after_another_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _launch(monkeypatch, 0, NOBODY)
    with pytest.raises(StorageError), torchrun.sigterm_raises():
        raise StorageError("full", code="disk-full")
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("_sigterm")
@pytest.mark.parametrize("together", [True, False])
def test_the_handler_of_sigterm_is_restored(
    together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if together:
        _launch(monkeypatch, 0, NOBODY)
    before = signal.getsignal(signal.SIGTERM)
    with torchrun.sigterm_raises():
        assert (signal.getsignal(signal.SIGTERM) == before) != together
    assert signal.getsignal(signal.SIGTERM) == before


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    assert threads.threads_each() is None
    _launch(monkeypatch, 0, NOBODY)
    for cores, n_threads in ((7, 2), (2, 1)):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", cores)
        assert threads.threads_each() == n_threads
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    assert threads.threads_each() is None
