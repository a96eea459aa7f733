"""Scale input weights until the hidden neurons of an engine spike at the workload's rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.workload import Workload
from nmtool.network.float_network import Network

if TYPE_CHECKING:
    from benchmarks.torch_step import TorchStep

Build = Callable[[Network, Workload], "TorchStep"]
"""A function that makes an engine's training step; it may ignore parts of network and workload."""

MAX_FACTOR = 256.0
_HALVINGS = 12
_SAMPLES = 4


def find_drive(build: Build, workload: Workload) -> float:
    """Find the factor on the input weights that gives the workload's firing rate.

    Every engine has its own factor, because the firing rate at given weights depends on delays and
    on the kind of reset.

    Args:
        build: function that makes the engine's training step.
        workload: network and batch; only a few samples of the batch are used.

    Returns:
        A factor within 1/256 … 256, found by bisection on a logarithmic scale.
    """
    workload = replace(workload, batch=_SAMPLES)
    low, high = -math.log(MAX_FACTOR), math.log(MAX_FACTOR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _rate(build, workload, math.exp(middle)) < workload.hidden_rate:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high))


def _rate(build: Build, workload: Workload, drive: float) -> float:
    """Measure the spikes per hidden neuron and sample with a factor on the input weights."""
    import torch

    step = build(workload.network(drive), workload)
    step.load(workload.spikes(), workload.labels())
    with torch.no_grad():
        step.forward()
    return step.hidden_spikes / workload.hidden
