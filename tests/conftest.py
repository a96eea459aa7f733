"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# Read by numba when it is first imported: a machine with one core runs two threads as well.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
