"""The supported FPGAs: all targets that are chips and have the format `verilog`."""

from __future__ import annotations

from nmtool.targets import target_named, target_names
from nmtool.targets.target import CHIP

FORMAT = "verilog"


def part_names() -> list[str]:
    """Names of all supported FPGAs."""
    targets = [target_named(name) for name in target_names()]
    return [target.name for target in targets if target.format == FORMAT and target.kind == CHIP]
