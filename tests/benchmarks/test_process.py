"""A killed worker is reported, and a worker ends with its `with` block."""

from __future__ import annotations

import os
import signal

import pytest

from benchmarks.job import Job, Result
from benchmarks.process import Worker, WorkerError
from tests.benchmarks.tiny import TINY


def test_a_killed_worker_is_reported_with_its_exit_code() -> None:
    with Worker(Result(Job("nmtool", TINY))) as worker:
        os.kill(worker.process_id, signal.SIGKILL)
        with pytest.raises(WorkerError, match="ended with code -9"):
            worker.find_drive()


def test_leaving_the_block_ends_the_worker() -> None:
    with Worker(Result(Job("nmtool", TINY))) as worker:
        process_id = worker.process_id
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
