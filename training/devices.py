"""Where a network is trained: a device of torch's, and the engine that runs blocks there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nmtool.errors import MissingError, UsageError
from training.cpu.block import Block as CpuBlock
from training.engine import BlockFactory

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """Where tensors live and who computes with them.

    Attributes:
        name: `cpu` or `cuda`.
        torch: torch's device.
        block: makes the engine's blocks.
    """

    name: str
    torch: torch.device
    block: BlockFactory


CPU = Device("cpu", torch.device("cpu"), CpuBlock)


def find_device(name: str) -> Device:
    """The device of a name.

    Args:
        name: `cpu`, `cuda`, or `auto` for `cuda` where everything it needs is there.

    Raises:
        MissingError: `cuda` was asked for and something it needs is missing.
        UsageError: there is no such device.
    """
    if name not in DEVICES:
        raise UsageError(f"unknown device '{name}'", fix=f"use one of {list(DEVICES)}")
    if name == "cpu":
        return CPU
    try:
        return _cuda()
    except MissingError:
        if name == "cuda":
            raise
        return CPU


def _cuda() -> Device:
    from training.cuda.available import require

    device = require()
    from training.cuda.block import Block

    return Device("cuda", device, Block)
