"""Workloads small enough for tests."""

from __future__ import annotations

from benchmarks.workload import Workload

TINY = Workload(
    hidden=12,
    n_steps=40,
    input_spikes=120,
    max_delay=5,
    batch=3,
    channels=20,
    classes=4,
    hidden_rate=4.0,
)
