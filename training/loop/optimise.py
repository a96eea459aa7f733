"""Adam with separate learning rates for weights and delays; clipping; checks for divergence."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import linalg, nn

from nmtool.errors import UsageError
from nmtool.network.readout import FIRST_SPIKE
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.options import TrainOptions

MAX_SCORE = 1e4
"""Difference between the scores of two classes, in thresholds, beyond which training diverged."""


def make_optimiser(model: SpikingNetwork, options: TrainOptions) -> torch.optim.AdamW:
    """Adam over weights (paper's units) and delays (steps), with weight decay for weights only.

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
    """Clip the Euclidean norm of the gradients of all weights, and separately of all delays.

    The two norms have different units: per unit of weight, and per step of delay.

    Args:
        model: the model whose `.grad` is scaled in place.
        largest_norm: largest norm of each; None: no clipping.
    """
    if largest_norm is None:
        return
    for kind in ("weight", "delay"):
        parameters: list[nn.Parameter] = [getattr(p, kind) for p in model.synapses]
        nn.utils.clip_grad_norm_(parameters, largest_norm)


def largest_loss(options: TrainOptions, n_classes: int) -> float:
    """The loss beyond which training has diverged and cannot recover.

    Membrane scores are in units of the threshold; a difference of ten thousand thresholds between
    classes is meaningless. The loss of guessing, with equal scores, is added. Losses on first
    spikes have no limit here, since the length of a sample bounds them.
    """
    if options.readout == FIRST_SPIKE:
        return math.inf
    return MAX_SCORE * options.gain + math.log(n_classes)


def check_loss(loss: float, update: int, largest: float = math.inf) -> None:
    """Raise `UsageError` if the loss of an update (counted from 0) is not finite or too large."""
    if not math.isfinite(loss):
        raise _divergence_error(f"the loss of update {update + 1} is {loss}")
    if loss > largest:
        raise _divergence_error(
            f"the loss of update {update + 1} is {loss:.3g}, beyond {largest:g}"
        )


def check_gradients(parameters: Iterable[torch.nn.Parameter], update: int) -> None:
    """Raise `UsageError` unless all gradients of an update (counted from 0) are finite.

    A finite loss may have infinite gradients: they grow from spike to spike in recurrent networks.
    """
    gradients = (parameter.grad for parameter in parameters)
    largest = [linalg.vector_norm(grad, math.inf) for grad in gradients if grad is not None]
    if largest and not torch.stack(largest).isfinite().all():
        raise _divergence_error(f"gradients of update {update + 1} are not finite")


def _divergence_error(symptom: str) -> UsageError:
    """The error for diverged training; the symptom is a sentence."""
    return UsageError(
        f"training diverged: {symptom}",
        code="training-diverged",
        fix="start again with a smaller `lr=`, `delay_lr=` or `gain=`",
    )
