"""Where a network is trained: a device of torch's, and the engine that runs blocks there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from nmtool.errors import MissingError, UsageError
from training.cpu.block import Block as CpuBlock
from training.cpu.integer_block import IntegerBlock
from training.engine import Block, BlockFactory

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """Where tensors live and who computes with them.

    Attributes:
        name: `cpu` or `cuda`.
        torch: torch's device.
        block: makes the engine's blocks.
        integer_block: makes those whose forward pass runs in a chip's integers; takes their
            constants as `chip` and counters as `faults` beside what `block` takes. None where
            they do not run.
    """

    name: str
    torch: torch.device
    block: BlockFactory
    integer_block: Callable[..., Block] | None


CPU = Device("cpu", torch.device("cpu"), CpuBlock, IntegerBlock)


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
    from training.cuda.block import Block as CudaBlock

    return Device("cuda", device, CudaBlock, None)
