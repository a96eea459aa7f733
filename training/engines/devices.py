"""Devices of torch that networks train on, each with the engine that runs blocks there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from nmtool.errors import MissingError, UsageError
from nmtool.training.engines.cpu.engine import CpuEngine
from nmtool.training.engines.engine import Engine

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """A device for tensors, and the engine that computes with them.

    Attributes:
        name: `cpu` or `cuda`.
        torch: torch's device.
        engine: makes an engine, one for each network.
    """

    name: str
    torch: torch.device
    engine: Callable[[], Engine]


CPU = Device("cpu", torch.device("cpu"), CpuEngine)


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
        return _cuda()
    except MissingError:
        if name == "cuda":
            raise
        return CPU


def _cuda() -> Device:
    from nmtool.training.engines.cuda.available import require

    device = require()
    from nmtool.training.engines.cuda.engine import CudaEngine

    return Device("cuda", device, CudaEngine)
