"""The training step of nmtool on a GPU."""

from __future__ import annotations

import torch

from benchmarks.ours import Ours
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.training.engines.devices import find_device


class OursOnCuda(Ours):
    """The training step of `SpikingNetwork` on torch's current GPU; arguments are as for `Ours`."""

    def __init__(self, network: Network, workload: Workload) -> None:
        super().__init__(network, workload, find_device("cuda"))

    def wait(self) -> None:
        """Wait until the GPU has finished."""
        torch.cuda.synchronize()

    @property
    def device_mb(self) -> float | None:
        """Largest memory that torch has allocated on the GPU, in MB."""
        return torch.cuda.max_memory_allocated() / 1e6


build = OursOnCuda
