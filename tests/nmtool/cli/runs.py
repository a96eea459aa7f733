"""Training runs that are stopped, and compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.training import learning

if TYPE_CHECKING:
    from nmtool.training.loop.trainer import BatchReport


def stop_in_epoch(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during an epoch of `train` or `finetune`."""

    def stop(report: BatchReport) -> None:
        if report.epoch == number:
            raise KeyboardInterrupt

    for verb in (learning.train, learning.finetune):
        monkeypatch.setattr(learning, verb.__name__, partial(verb, on_batch=stop))


def _state(folder: str) -> dict[str, np.ndarray]:
    with np.load(Path(folder) / "checkpoint.npz") as archive:
        return {name: archive[name] for name in archive.files if name != "header"}


def assert_same_run(left: str, right: str) -> None:
    """The same parameters, moments of the optimiser and best network, bit for bit."""
    first, second = _state(left), _state(right)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    read = [Network.load(Path(folder) / "network.npz").content_hash for folder in (left, right)]
    assert read[0] == read[1]
