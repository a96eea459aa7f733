"""Adam with separate learning rates for weights and delays, and the schedule of both."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from training.model import SpikingNetwork
from training.options import TrainOptions


def make_optimiser(model: SpikingNetwork, options: TrainOptions) -> torch.optim.Adam:
    """Adam over weights (paper's units) and delays (steps)."""
    groups = [{"params": [p.weight for p in model.synapses], "lr": options.lr}]
    delays = [p.delay for p in model.synapses]
    if options.train_delays and options.max_delay > 0:
        groups.append({"params": delays, "lr": options.delay_lr})
    else:
        for delay in delays:
            delay.requires_grad_(False)
    return torch.optim.Adam(groups)


def warmup_cosine(n_updates: int, warmup: float) -> Callable[[int], float]:
    """Factor on the learning rates by update: a linear rise, then half a cosine down to 0.

    Args:
        n_updates: updates of the whole run.
        warmup: share of them that rise.
    """
    rising = round(warmup * n_updates)

    def factor(update: int) -> float:
        if update < rising:
            return (update + 1) / rising
        done = (update - rising) / max(1, n_updates - rising)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
