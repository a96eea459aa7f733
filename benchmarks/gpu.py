"""The suite `cuda`: compares the GPU engine with the CPU engine before both are timed.

In float64, both engines must emit the same spikes, and the gradients of a parameter (the weights or
the delays of a projection) must agree to 1e-9 of its largest gradient. In integers, spikes must be
equal, and gradients have the tolerance of float32. In float32, the engines sum in different orders,
so that a neuron close to its threshold may spike in one engine only: gradients are compared on
samples with equal spikes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import ours
from benchmarks.drive import find_drive
from benchmarks.engines import CUDA
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.training.engines import devices
from nmtool.training.engines.devices import Device, find_device
from nmtool.training.engines.gpu_failures import gpu_errors_converted
from nmtool.training.front.losses import readout_loss
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding

FLOAT64, FLOAT32, INTEGER = "float64", "float32", "integer"
TOLERANCE = {FLOAT64: 1e-9, FLOAT32: 1e-4, INTEGER: 1e-4}
"""Tolerance of gradients by arithmetic, as a share of the parameter's largest gradient."""

ALIKE = 0.999
"""Share of spikes that both engines must have in common in float32."""

COMPARED = (
    Workload(hidden=64, n_steps=200, input_spikes=1600, batch=8),
    Workload(hidden=256, batch=8),
    Workload(hidden=512, batch=8),
)


@dataclass(frozen=True)
class Agreement:
    """Comparison of the GPU engine with the CPU engine on one workload.

    Attributes:
        arithmetic: `float64`, `float32` or `integer`.
        hidden: number of hidden neurons.
        spikes_compared: number of compared bins.
        spikes_different: number of bins in which only one engine has a spike.
        spikes_emitted: number of spikes of the CPU engine.
        samples: number of samples on which gradients were compared.
        gradient_error: largest difference of a gradient, as a share of the parameter's largest
            gradient.
    """

    arithmetic: str
    hidden: int
    spikes_compared: int
    spikes_different: int
    spikes_emitted: int
    samples: int
    gradient_error: float

    @property
    def holds(self) -> bool:
        """True if the engines agree within the tolerances."""
        spikes_agree = self.spikes_different == 0
        if self.arithmetic == FLOAT32:
            spikes_agree = self.spikes_different <= (1 - ALIKE) * self.spikes_emitted
        return (
            spikes_agree and self.samples > 0 and self.gradient_error <= TOLERANCE[self.arithmetic]
        )

    def __str__(self) -> str:
        return (
            f"{self.arithmetic}, {self.hidden} hidden: spikes compared {self.spikes_compared}, "
            f"different {self.spikes_different}; spikes emitted {self.spikes_emitted}; gradients "
            f"of {self.samples} samples differ by {self.gradient_error:.1e}"
        )


def compare_engines() -> bool:
    """Compare the engines on the workloads of `COMPARED`, print each, and tell if all agree.

    Raises:
        MissingError: there is no GPU, or a library for it is missing.
        InputError, BackendError: the GPU has too little memory, or fails.
    """
    with gpu_errors_converted():
        device = find_device(CUDA)
        print(gpu_name(), end="\n\n")
        holds = []
        for workload in COMPARED:
            for agreement in compare(workload, device):
                verdict = "" if agreement.holds else " **(the engines do not agree)**"
                print(f"- {agreement}{verdict}", flush=True)
                holds.append(agreement.holds)
    print()
    return all(holds)


def compare(workload: Workload, device: Device) -> Iterator[Agreement]:
    """Run a workload on both engines in every arithmetic, and compare spikes and gradients.

    Args:
        workload: network and batch.
        device: device of the engine that is compared with the CPU engine.
    """
    network = workload.network(find_drive(ours.build, workload))
    for arithmetic in (FLOAT64, FLOAT32, INTEGER):
        on_cpu, on_device = (
            make_model(network, workload, arithmetic, processor)
            for processor in (devices.CPU, device)
        )
        spikes, labels = workload.spikes(), workload.labels()
        recordings = on_cpu.record(spikes), on_device.record(spikes)
        differs = _differing(*recordings)
        equal_samples = np.flatnonzero(differs.sum(axis=0) == 0)
        error = 0.0
        if equal_samples.size:
            samples = spikes.take(equal_samples), torch.from_numpy(labels[equal_samples])
            error = _gradient_error(_gradients(on_cpu, *samples), _gradients(on_device, *samples))
        yield Agreement(
            arithmetic,
            workload.hidden,
            sum(raster.n_bins for raster in recordings[0].spikes.values()),
            int(differs.sum()),
            sum(raster.n_spikes for raster in recordings[0].spikes.values()),
            equal_samples.size,
            error,
        )


def make_model(
    network: Network, workload: Workload, arithmetic: str, device: Device
) -> SpikingNetwork:
    """Make the torch module of a network on a device.

    Args:
        network: weights and delays.
        workload: workload of the network; in integers, scales are calibrated on its input.
        arithmetic: `float64`, `float32` or `integer`.
        device: device to run on.
    """
    options = workload.options()
    rounding = None
    if arithmetic == INTEGER:
        options = replace(options, arithmetic="integer")
        rounding = Rounding(options.weight_bits, options.delay_grid)
        rounding = rounding.calibrated(network, workload.spikes())
    return SpikingNetwork(
        network,
        max_delay=options.max_delay,
        dtype=torch.float64 if arithmetic == FLOAT64 else torch.float32,
        device=device,
        rounding=rounding,
    )


def _differing(on_cpu: Recording, on_device: Recording) -> NDArray[np.int64]:
    """Number of bins in which only one engine has a spike, [populations, samples] int64."""
    rows = []
    for name, raster in on_cpu.spikes.items():
        other = on_device.spikes[name]
        flat = np.setxor1d(raster.flat_index(), other.flat_index(), assume_unique=True)
        per_sample = raster.n_steps * raster.n_neurons
        rows.append(np.bincount(flat // per_sample, minlength=raster.n_samples))
    return np.stack(rows)


def _gradients(
    model: SpikingNetwork, spikes: Raster, labels: torch.Tensor
) -> dict[str, NDArray[np.floating]]:
    """Gradients of all parameters, by name."""
    model.zero_grad()
    loss = readout_loss(model.network, 100.0)
    loss(model(spikes), labels.to(model.device.torch)).backward()
    return {
        name: parameter.grad.cpu().numpy()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def _gradient_error(
    on_cpu: dict[str, NDArray[np.floating]], on_device: dict[str, NDArray[np.floating]]
) -> float:
    """Largest difference of a gradient, as a share of its parameter's largest gradient."""
    assert on_cpu.keys() == on_device.keys()
    return max(
        float(np.abs(on_device[name] - gradient).max() / max(np.abs(gradient).max(), 1e-30))
        for name, gradient in on_cpu.items()
    )


def gpu_name() -> str:
    """Name, memory and compute capability of the GPU, and versions of CUDA and numba-cuda."""
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    gib = properties.total_memory / (1 << 30)
    versions = f"CUDA {torch.version.cuda}, numba-cuda {version('numba-cuda')}"
    capability = f"compute capability {properties.major}.{properties.minor}"
    return f"{properties.name}, {gib:.0f} GiB, {capability}, {versions}"
