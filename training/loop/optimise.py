"""Updates of weights and delays: Adam with its learning rates, pruning, and the running mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, linalg, nn

from nmtool.errors import UsageError
from nmtool.network.readout import FIRST_SPIKE
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.pruning import Pruning
from nmtool.training.options import TrainOptions

MAX_SCORE = 1e4
"""Difference between the scores of two classes, in thresholds, beyond which training diverged."""


class Optimiser:
    """Updates the parameters of a model from their gradients, and has all state of doing so.

    Adam has separate learning rates for weights (in the paper's units) and delays (in steps).
    Weight decay is decoupled from the gradient (Loshchilov & Hutter 2019): at every update a weight
    loses the share lr·weight_decay of itself. Delays have none.

    Args:
        model: the network that is trained.
        options: settings of the run.
        n_updates: number of updates of the whole run.
        trained: True if training starts from a trained network, see `Average`.

    Attributes:
        model: the argument.
        adam: torch's optimiser, with Adam's moments.
        pruning: the synapses and delays that are removed.
        average: the running mean of the parameters.
    """

    def __init__(
        self, model: SpikingNetwork, options: TrainOptions, n_updates: int, *, trained: bool = False
    ) -> None:
        self.model, self._clip_norm = model, options.clip_norm
        weights = [p.weight for p in model.synapses]
        delays = [p.delay for p in model.synapses]
        groups = [{"params": weights, "lr": options.lr, "weight_decay": options.weight_decay}]
        if options.train_delays and options.max_delay > 0:
            groups.append({"params": delays, "lr": options.delay_lr})
        else:
            for delay in delays:
                delay.requires_grad_(False)
        self.adam = torch.optim.AdamW(groups, weight_decay=0.0)
        self._rates = [group["lr"] for group in self.adam.param_groups]
        self._factor = options.rate_factor(n_updates)
        self.pruning = Pruning(model, options.sparsity, options.delay_sparsity, n_updates)
        self.average = Average(model, options.average, trained=trained)

    def step(self, update: int) -> None:
        """Make an update from the gradients, after `update` updates of the run.

        Raises:
            UsageError: a gradient is not finite.
        """
        if self.pruning.removed:
            self.pruning.zero_gradients()
        check_gradients(self.model.parameters(), update)
        clip_gradients(self.model, self._clip_norm)
        for group, rate in zip(self.adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * self._factor(update)
        self.adam.step()
        self.model.clamp_delays()
        if self.pruning.removed:
            self.pruning.advance(update + 1)
        self.average.add(update)


class Average:
    """The running mean of a model over its last updates, less noisy than the model itself.

        θ̄ ← m·θ̄ + (1 − m)·θ        m = min(decay, (n + 1)/(n + 10)) at update n

    is an exponential moving average of weights and delays (Polyak & Juditsky 1992). The first means
    are over fewer updates, so that the random initial values soon lose their weight.

    Args:
        model: the network that is trained.
        decay: largest share of the mean that an update keeps; None: there is no mean.
        trained: True if training starts from a trained network, so that m = decay from the first
            update on.

    Attributes:
        trained: the argument; a resumed run sets it from the manifest.
        values: the means by parameter name, [pre, post] float, on the device of the parameters;
            empty without a mean.
    """

    def __init__(
        self, model: SpikingNetwork, decay: float | None, *, trained: bool = False
    ) -> None:
        self._model, self._decay, self.trained = model, decay or 0.0, trained
        self.values: dict[str, Tensor] = {} if decay is None else _copied_parameters(model)

    def add(self, update: int) -> None:
        """Include the current parameters in the mean, after update number `update` (from 0)."""
        decay = self._decay
        if not self.trained:
            decay = min(decay, (update + 1) / (update + 10))
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self.values:
                    self.values[name].lerp_(parameter, 1 - decay)

    @contextmanager
    def averaged_parameters(self) -> Iterator[None]:
        """Replace the model's parameters by the mean inside the block."""
        last = _copied_parameters(self._model) if self.values else {}
        copy_into(self._model, self.values)
        try:
            yield
        finally:
            copy_into(self._model, last)

    def restart(self) -> None:
        """Set the mean, if there is one, to the current parameters."""
        if self.values:
            self.values = _copied_parameters(self._model)


def copy_into(model: SpikingNetwork, values: Mapping[str, Tensor]) -> None:
    """Write values into the parameters with these names, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])


def _copied_parameters(model: SpikingNetwork) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def rescue_silent(
    model: SpikingNetwork, counts: Mapping[str, NDArray[np.int64]], amount: float
) -> int:
    """Raise all input weights of neurons that did not spike in an epoch.

    Args:
        model: the network in training.
        counts: spikes in the epoch, per spiking population [neurons] int64.
        amount: amount added to every weight of a synapse onto a silent neuron.

    Returns:
        Number of silent neurons.
    """
    silent = {name: count == 0 for name, count in counts.items()}
    with torch.no_grad():
        for projection in model.synapses:
            if projection.target in silent:
                columns = torch.from_numpy(silent[projection.target]).to(projection.weight.device)
                projection.weight[:, columns] += amount
    return int(sum(mask.sum() for mask in silent.values()))


def clip_gradients(model: SpikingNetwork, largest_norm: float | None) -> None:
    """Clip the Euclidean norm of the gradients of all weights, and separately of all delays.

    The two norms have different units: per unit of weight, and per step of delay. With None,
    gradients are not clipped.
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
        raise _divergence(f"the loss of update {update + 1} is {loss}")
    if loss > largest:
        raise _divergence(f"the loss of update {update + 1} is {loss:.3g}, beyond {largest:g}")


def check_gradients(parameters: Iterable[nn.Parameter], update: int) -> None:
    """Raise `UsageError` unless all gradients of an update (counted from 0) are finite.

    A finite loss may have infinite gradients: they grow from spike to spike in recurrent networks.
    """
    gradients = (parameter.grad for parameter in parameters)
    largest = [linalg.vector_norm(grad, math.inf) for grad in gradients if grad is not None]
    if largest and not torch.stack(largest).isfinite().all():
        raise _divergence(f"gradients of update {update + 1} are not finite")


def _divergence(symptom: str) -> UsageError:
    """The error for diverged training; the symptom is a sentence."""
    return UsageError(
        f"training diverged: {symptom}",
        code="training-diverged",
        fix="start again with a smaller `lr=`, `delay_lr=` or `gain=`",
    )
