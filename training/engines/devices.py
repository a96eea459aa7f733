"""Devices: where tensors live, and what runs a layer of a network over a batch.

`lif` and `li` are all that the rest of training knows of a device. Each runs a layer forward, in
floats or in a chip's integers as its neurons say, and returns the function that runs it backward.
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
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import Gradients, Synapses

if TYPE_CHECKING:
    from nmtool.training.engines.cuda.limits import Limits

DEVICES = ("auto", "cpu", "cuda")

Backward = Callable[..., Gradients]
"""The backward pass of a layer over the batch that it ran.

Of spiking neurons, `backward(time_gradient, push, want_source_time=…)`: time_gradient [spikes]
float is ∂L/∂t per ms of every spike, from elsewhere; push [neurons] float is added to μ_v at every
spike. Of others, `backward(d_membrane, want_source_time=…)`: d_membrane [samples, T, neurons]
float is ∂L/∂v[n]. want_source_time asks for gradients by the times of the afferent spikes.
"""


@dataclass(frozen=True)
class Device(ABC):
    """A device for tensors and layers; all tensors that it is given are on it.

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
            neurons: their constants.
            afferent: synapses from the source, [source neurons, neurons].
            recurrent: synapses among the neurons, or None.

        Raises:
            UsageError: the layer does not fit a GPU's shared memory.
        """

    def lif(
        self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None, source: SpikeTrains
    ) -> tuple[SpikeTrains, Backward]:
        """Run spiking neurons; gives their spikes, without times, and the backward pass.

        Args:
            neurons, afferent, recurrent: as of `layer`, which says what is raised, too.
            source: the afferent spikes.
        """
        layer = self.layer(neurons, afferent, recurrent)
        run = layer.run_lif(source)
        return run.spikes, partial(layer.backward_lif, source, run)

    def li(
        self, neurons: Neurons, afferent: Synapses, source: SpikeTrains
    ) -> tuple[Tensor, Backward]:
        """Run non-spiking neurons: v[n], [samples, T, neurons] float, and the backward pass.

        Args:
            neurons, afferent, source: as of `lif`.
        """
        layer = self.layer(neurons, afferent, None)
        return layer.run_li(source), partial(layer.backward_li, source)


@dataclass(frozen=True)
class Cpu(Device):
    """The CPU, by Numba's kernels.

    Attributes:
        scratch: memory that passes hand on to each other; `dataclasses.replace` gives another.
    """

    scratch: Scratch = field(default_factory=Scratch, init=False, repr=False, compare=False)

    def layer(self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None) -> CpuLayer:
        """See `Device`."""
        return CpuLayer(neurons, afferent, recurrent, self.scratch)


@dataclass(frozen=True)
class Cuda(Device):
    """An NVIDIA GPU, by kernels in Numba's CUDA.

    Attributes:
        limits: the cuts of the work; None for those of `Limits()`.
    """

    limits: Limits | None = None

    def layer(self, neurons: Neurons, afferent: Synapses, recurrent: Synapses | None) -> Any:
        """See `Device`."""
        from nmtool.training.engines.cuda.layer import Layer

        return Layer(neurons, afferent, recurrent, self.limits)


CPU = Cpu("cpu", torch.device("cpu"))


def find_device(name: str) -> Device:
    """The device of a name.

    Args:
        name: `cpu`, `cuda`, or `auto` for `cuda` where everything it needs is there.

    Raises:
        MissingError: `cuda` was asked for and something it needs is missing.
        UsageError: there is no such device.
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
        from nmtool.training.engines.cuda.available import require

        return Cuda("cuda", require())
    except MissingError:
        if name == "cuda":
            raise
        return CPU
