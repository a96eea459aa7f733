"""Comparison of training runs by the content of their folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmtool.network.float_network import Network


def _state(folder: str) -> dict[str, np.ndarray]:
    with np.load(Path(folder) / "checkpoint.npz") as archive:
        return {name: archive[name] for name in archive.files if name != "header"}


def assert_same_run(left: str, right: str) -> None:
    """Assert equal parameters, moments of the optimiser and best network, bit for bit."""
    first, second = _state(left), _state(right)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    read = [Network.load(Path(folder) / "network.npz").content_hash for folder in (left, right)]
    assert read[0] == read[1]
