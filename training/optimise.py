"""Adam with separate learning rates for weights and delays, and their schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from nmtool.training.model import SpikingNetwork
from nmtool.training.options import TrainOptions


def make_optimiser(model: SpikingNetwork, options: TrainOptions) -> torch.optim.AdamW:
    """Adam over weights (paper's units) and delays (steps), of which only weights decay.

    The decay is decoupled from the gradient (Loshchilov & Hutter 2019): at every update a weight
    loses the share lr·weight_decay of itself.
    """
    weights = [p.weight for p in model.synapses]
    delays = [p.delay for p in model.synapses]
    groups = [{"params": weights, "lr": options.lr, "weight_decay": options.weight_decay}]
    if options.train_delays and options.max_delay > 0:
        groups.append({"params": delays, "lr": options.delay_lr})
    else:
        for delay in delays:
            delay.requires_grad_(False)
    return torch.optim.AdamW(groups, weight_decay=0.0)


def clip_gradients(model: SpikingNetwork, largest_norm: float | None) -> None:
    """Shorten gradients to a Euclidean norm, over all weights and over all delays.

    The two are taken apart because their units differ: per unit of weight, per step.

    Args:
        model: whose `.grad` is scaled in place.
        largest_norm: of either; None leaves gradients as they are.
    """
    if largest_norm is None:
        return
    for kind in ("weight", "delay"):
        parameters: list[nn.Parameter] = [getattr(p, kind) for p in model.synapses]
        nn.utils.clip_grad_norm_(parameters, largest_norm)


def rate_factor(schedule: str, n_updates: int, warmup: float) -> Callable[[int], float]:
    """Factor on the learning rates by update, counted from 0: a linear rise to 1, then a schedule.

    Args:
        schedule: one of `SCHEDULES`; those that fall are at 0 when the last update is done.
        n_updates: updates of the whole run.
        warmup: share of them that rise.
    """
    rising, after = round(warmup * n_updates), _AFTER_WARMUP[schedule]

    def factor(update: int) -> float:
        if update < rising:
            return (update + 1) / rising
        done = (update - rising) / max(1, n_updates - rising)
        return after(min(1.0, done))

    return factor


_AFTER_WARMUP: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}
"""By schedule, the factor at a share of the updates after the rise."""
