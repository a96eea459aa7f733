"""A fresh process has its own environment, and ends with its block."""

from __future__ import annotations

import os

import pytest

from benchmarks.process import fresh_process


def test_a_process_has_its_environment_and_ends_with_its_block() -> None:
    before = dict(os.environ)
    with fresh_process({"NUMBA_NUM_THREADS": "7"}) as process:
        assert process.submit(os.getenv, "NUMBA_NUM_THREADS").result() == "7"
        assert os.environ == before
        process_id = process.submit(os.getpid).result()
        assert process_id != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
