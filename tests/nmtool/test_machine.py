"""The machine: numbers of threads from the environment."""

from __future__ import annotations

import pytest

from nmtool.errors import UsageError
from nmtool.machine import check_numba_threads
from tests.refusals import refused


@pytest.mark.parametrize("value", ["0", "-1", "abc", "", "1.5", "4097", "1000000000", "9" * 5000])
def test_an_invalid_number_of_threads_in_the_environment(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    with refused(UsageError, "numba-threads"):
        check_numba_threads()


@pytest.mark.parametrize("value", [None, "1", "4096", " 2 "])
def test_a_number_of_threads_in_the_environment(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS")
    if value is not None:
        monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    check_numba_threads()
