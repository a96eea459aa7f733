"""Devices: location of the tensors, and the engine that runs a layer over a batch.

The rest of training uses only the methods `lif` and `li` of a device. Each runs a layer forward, in
floats or in a chip's integers, and returns the result and a function for the backward pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nmtool.errors import MissingError, UsageError
from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.cpu.layer import Layer as CpuLayer
from nmtool.training.engines.cpu.pool import Scratch
from nmtool.training.engines.cuda.available import require
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import Gradients, Synapses

if TYPE_CHECKING:
    from nmtool.training.engines.cuda.limits import Limits

DEVICES = ("auto", "cpu", "cuda")

Backward = Callable[..., Gradients]
"""The backward pass of a layer over the batch of its forward pass.

For spiking neurons, `backward(time_gradient, push, want_source_time=…)`: time_gradient [filled]
float is ∂L/∂t per ms of each spike of a filled bin, from later layers and loss; push [neurons]
float is added to μ_v at every spike. For non-spiking neurons, `backward(d_membrane,
want_source_time=…)`: d_membrane [samples, T, neurons] float is ∂L/∂v[n]. want_source_time requests
gradients of the afferent spike times.
"""


@dataclass(frozen=True)
class Device(ABC):
    """A device for tensors and layers; tensors passed to its methods must be on the device.

    Attributes:
        name: `cpu` or `cuda`.
        torch: torch's device.
    """

    name: str
    torch: torch.device

    @abstractmethod
    def layer(self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None) -> Any:
        """The `Layer` of `engines/cpu/layer.py` or `engines/cuda/layer.py`, for one pass.

        Args:
            neurons: constants of the neurons.
            afferent: synapses from the source, [source neurons, neurons].
            recurrent: synapses among the neurons, or None.

        Raises:
            UsageError: the layer does not fit a GPU's shared memory.
        """

    def lif(
        self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None, source: SpikeTrains
    ) -> tuple[SpikeTrains, Backward]:
        """Run spiking neurons forward; return their spikes, and a function for the backward pass.

        The spikes have no differentiable times yet.

        Args:
            neurons, afferent, recurrent: as for `layer`, whose errors are raised.
            source: the afferent spikes.
        """
        layer = self.layer(neurons, afferent, recurrent)
        run = layer.run_lif(source)
        return run.spikes, partial(layer.backward_lif, source, run)

    def li(
        self, neurons: Neurons, afferent: Synapses, source: SpikeTrains
    ) -> tuple[Tensor, Backward]:
        """Run non-spiking neurons forward; return v and a function for the backward pass.

        v is [samples, T, neurons], after every step.

        Args:
            neurons, afferent, source: as for `lif`.
        """
        layer = self.layer(neurons, afferent, None)
        return layer.run_li(source), partial(layer.backward_li, source)


@dataclass(frozen=True)
class Cpu(Device):
    """The CPU, with Numba kernels.

    Attributes:
        scratch: memory reused between passes; a copy by `dataclasses.replace` has its own.
    """

    scratch: Scratch = field(default_factory=Scratch, init=False, repr=False, compare=False)

    def layer(self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None) -> CpuLayer:
        """See `Device`."""
        return CpuLayer(neurons, afferent, recurrent, self.scratch)


@dataclass(frozen=True)
class Cuda(Device):
    """An NVIDIA GPU, with Numba CUDA kernels.

    Attributes:
        limits: limits on threads and memory; None for the defaults of `Limits()`.
    """

    limits: Limits | None = None

    def layer(self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None) -> Any:
        """See `Device`."""
        from nmtool.training.engines.cuda.layer import Layer

        return Layer(neurons, afferent, recurrent, self.limits)


CPU = Cpu("cpu", torch.device("cpu"))


def find_device(name: str) -> Device:
    """Find a device by its name.

    Args:
        name: `cpu`, `cuda`, or `auto`: `cuda` if its requirements are met, else `cpu`.

    Raises:
        MissingError: `cuda` was requested, and one of its requirements is missing.
        UsageError: unknown name.
    """
    if name not in DEVICES:
        raise UsageError(
            f"unknown device '{name}'",
            code="device-unknown",
            fix=f"use one of {', '.join(DEVICES)}",
        )
    if name == "cpu":
        return CPU
    try:
        return Cuda("cuda", require())
    except MissingError:
        if name == "cuda":
            raise
        return CPU
