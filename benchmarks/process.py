"""A new interpreter that runs functions of this one, for measurements that must not share state.

Threads, compiled code and peak memory are those of a process; libraries read their environment when
they are imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from unittest.mock import patch


@contextmanager
def fresh_process(environment: Mapping[str, str]) -> Iterator[Executor]:
    """Start a process that calls the functions submitted to it, one after the other.

    Args:
        environment: environment variables that the process has besides those of this one.

    >>> with fresh_process({"OMP_NUM_THREADS": "1"}) as process:
    ...     process.submit(os.getenv, "OMP_NUM_THREADS").result()
    '1'
    """
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_print_to_stderr
    ) as process:
        with patch.dict(os.environ, environment):
            process.submit(os.getpid).result()
        yield process


def _print_to_stderr() -> None:
    """Keep stdout for the results: what libraries print goes to stderr."""
    os.dup2(2, 1)
